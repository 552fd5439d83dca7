# maggie-node for NVIDIA GPUs: docker build -t maggie-node:cuda -f docker/cuda.Dockerfile .
#   docker run --rm --gpus all -v "$PWD:/shot" -w /shot -u "$(id -u):$(id -g)" maggie-node:cuda \
#     matte plate.####.exr -o matte.####.exr --guidance ana=ana.####.png
# The driver comes from the machine, by the NVIDIA Container Toolkit; CUDA's libraries come with torch.
FROM python:3.11-slim-bookworm

COPY . /src
RUN pip install --no-cache-dir '/src[cuda]' -c /src/constraints.txt && rm -rf /src

ENV HOME=/home/maggie NUMBA_CACHE_DIR=/home/maggie/.cache/numba \
    NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN useradd --uid 1000 --create-home --home-dir /home/maggie maggie && mkdir -p /home/maggie/.cache/numba && chmod -R a+rwX /home/maggie
USER 1000
ENTRYPOINT ["maggie-node"]
