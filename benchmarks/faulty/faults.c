/* Faults of a file system and of the clock, for a process that was started with this library in LD_PRELOAD.

   After `faults_begin` the calls of one kind on files below a folder fail with an error number: `skip` of them
   work first, then `count` fail (-1: all). `faults_clock` moves the time of day after some calls. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_TO_READ = 1, READ = 2, OPEN_TO_WRITE = 4, WRITE = 8, SYNC = 16, RENAME = 32, LOOK = 64 };
enum { MOST_FDS = 4096 };

static char folder[1024];
static int kinds, number;
static atomic_long skip, count, failed;
static atomic_char watched[MOST_FDS];
static atomic_long clock_calls;
static long clock_seconds;

void faults_begin(const char *below, int of, int error, long after, long times)
{
    strncpy(folder, below, sizeof folder - 1);
    number = error;
    skip = after;
    count = times;
    failed = 0;
    kinds = of;
}

void faults_clock(long after, long seconds)
{
    clock_calls = after;
    clock_seconds = seconds;
}

long faults_failed(void) { return failed; }

static int is_below(const char *path) { return folder[0] && path && !strncmp(path, folder, strlen(folder)); }

static int fails(int kind)
{
    if (!(kinds & kind) || !count) return 0;
    if (atomic_fetch_sub(&skip, 1) > 0) return 0;
    if (count > 0 && atomic_fetch_sub(&count, 1) <= 0) return 0;
    atomic_fetch_add(&failed, 1);
    errno = number;
    return 1;
}

static int watch(int fd, const char *path)
{
    if (fd >= 0 && fd < MOST_FDS) watched[fd] = (char)is_below(path);
    return fd;
}

static int is_watched(int fd) { return kinds && fd >= 0 && fd < MOST_FDS && watched[fd]; }

#define REAL(type, name, ...)                                         \
    static type (*real)(__VA_ARGS__);                                 \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int opening(int flags) { return flags & (O_WRONLY | O_RDWR | O_CREAT) ? OPEN_TO_WRITE : OPEN_TO_READ; }

#define OPEN(name)                                                    \
    int name(const char *path, int flags, ...)                        \
    {                                                                 \
        REAL(int, name, const char *, int, ...);                      \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        mode_t mode = va_arg(more, mode_t);                           \
        va_end(more);                                                 \
        if (is_below(path) && fails(opening(flags))) return -1;       \
        return watch(real(path, flags, mode), path);                  \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                  \
    int name(int at, const char *path, int flags, ...)                \
    {                                                                 \
        REAL(int, name, int, const char *, int, ...);                 \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        mode_t mode = va_arg(more, mode_t);                           \
        va_end(more);                                                 \
        if (is_below(path) && fails(opening(flags))) return -1;       \
        return watch(real(at, path, flags, mode), path);              \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                       \
    FILE *name(const char *path, const char *mode)                                        \
    {                                                                                     \
        REAL(FILE *, name, const char *, const char *);                                   \
        int kind = strpbrk(mode, "wa+") ? OPEN_TO_WRITE : OPEN_TO_READ;                   \
        if (is_below(path) && fails(kind)) return NULL;                                   \
        FILE *file = real(path, mode);                                                    \
        if (file) watch(fileno(file), path);                                              \
        return file;                                                                      \
    }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t read(int fd, void *to, size_t size)
{
    REAL(ssize_t, read, int, void *, size_t);
    return is_watched(fd) && fails(READ) ? -1 : real(fd, to, size);
}

ssize_t write(int fd, const void *from, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    return is_watched(fd) && fails(WRITE) ? -1 : real(fd, from, size);
}

#define PREAD(name)                                                        \
    ssize_t name(int fd, void *to, size_t size, off_t at)                  \
    {                                                                      \
        REAL(ssize_t, name, int, void *, size_t, off_t);                   \
        return is_watched(fd) && fails(READ) ? -1 : real(fd, to, size, at); \
    }
PREAD(pread)
PREAD(pread64)

#define PWRITE(name)                                                            \
    ssize_t name(int fd, const void *from, size_t size, off_t at)               \
    {                                                                           \
        REAL(ssize_t, name, int, const void *, size_t, off_t);                  \
        return is_watched(fd) && fails(WRITE) ? -1 : real(fd, from, size, at);  \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t readv(int fd, const struct iovec *to, int parts)
{
    REAL(ssize_t, readv, int, const struct iovec *, int);
    return is_watched(fd) && fails(READ) ? -1 : real(fd, to, parts);
}

ssize_t writev(int fd, const struct iovec *from, int parts)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return is_watched(fd) && fails(WRITE) ? -1 : real(fd, from, parts);
}

size_t fread(void *to, size_t size, size_t items, FILE *file)
{
    REAL(size_t, fread, void *, size_t, size_t, FILE *);
    return is_watched(fileno(file)) && fails(READ) ? 0 : real(to, size, items, file);
}

size_t fwrite(const void *from, size_t size, size_t items, FILE *file)
{
    REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
    return is_watched(fileno(file)) && fails(WRITE) ? 0 : real(from, size, items, file);
}

int fsync(int fd)
{
    REAL(int, fsync, int);
    return is_watched(fd) && fails(SYNC) ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    return is_below(to) && fails(RENAME) ? -1 : real(from, to);
}

#define STAT(name, type)                                                     \
    int name(const char *path, struct type *found)                           \
    {                                                                        \
        REAL(int, name, const char *, struct type *);                        \
        return is_below(path) && fails(LOOK) ? -1 : real(path, found);       \
    }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)

int clock_gettime(clockid_t clock, struct timespec *now)
{
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME && clock_seconds && atomic_fetch_sub(&clock_calls, 1) <= 0)
        now->tv_sec += clock_seconds;
    return result;
}
