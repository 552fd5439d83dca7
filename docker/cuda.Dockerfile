# maggie-node for NVIDIA GPUs: docker build -t maggie-node:cuda -f docker/cuda.Dockerfile .
#   docker run --rm --gpus all -v "$PWD:/shot" -w /shot -u "$(id -u):$(id -g)" maggie-node:cuda \
#     matte plate.####.exr -o matte.####.exr --guidance ana=ana.####.png
# The driver comes from the machine, by the NVIDIA Container Toolkit; CUDA's libraries come with torch.
FROM python:3.11-slim-bookworm

COPY . /src
RUN pip install --no-cache-dir '/src[cuda]' -c /src/constraints.txt && rm -rf /src

ENV HOME=/srv/maggie NUMBA_CACHE_DIR=/srv/maggie/.cache/numba \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN useradd --uid 1000 --create-home --home-dir /srv/maggie maggie && mkdir -p /srv/maggie/.cache/numba && chmod -R a+rwX /srv/maggie
USER 1000
ENTRYPOINT ["maggie-node"]
