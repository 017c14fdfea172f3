/* Makes a disk and a clock fail on demand, inside the real server (LD_PRELOAD); knows nothing of the server.

   FAULTS_CONTROL names a file of eight 64-bit numbers, in the order of `struct control`, which tests/faults.py
   maps and changes while the server runs. Only files below FAULTS_FOLDER fail. The steady clocks stay true. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t sync_errno;     /* what fdatasync and fsync fail with, 0 for not at all */
    int64_t sync_failures;  /* how many of them fail from now on, -1 for all */
    int64_t sync_delay_ms;  /* how long each takes before it does anything */
    int64_t write_errno;    /* what writing, truncating and opening for writing fail with */
    int64_t clock_ms;       /* added to the time of day */
    int64_t syncs;          /* counted: all that were asked for */
    int64_t syncs_failed;   /* counted */
    int64_t writes_failed;  /* counted */
};

static volatile struct control nothing;
static volatile struct control *control = &nothing;
static const char *folder;

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = dlsym(RTLD_NEXT, #name); real; })

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CONTROL");
    folder = getenv("FAULTS_FOLDER");
    if (!path || !folder) return;
    int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) { perror("FAULTS_CONTROL"); _exit(3); }
    close(fd);
    control = mapped;
}

static int is_below(const char *path) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

static int is_ours(int fd) {
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int fails_to_write(int ours) {
    if (!control->write_errno || !ours) return 0;
    __sync_fetch_and_add(&control->writes_failed, 1);
    errno = control->write_errno;
    return 1;
}

/* --- the disk ------------------------------------------------------------------------------------- */

static int fails_to_sync(int fd) {
    if (!is_ours(fd)) return 0;
    __sync_fetch_and_add(&control->syncs, 1);
    int64_t ms = control->sync_delay_ms;
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
    if (ms) nanosleep(&pause, NULL);
    if (!control->sync_errno || !control->sync_failures) return 0;
    if (control->sync_failures > 0) control->sync_failures--;
    __sync_fetch_and_add(&control->syncs_failed, 1);
    errno = control->sync_errno;
    return 1;
}

int fdatasync(int fd) { return fails_to_sync(fd) ? -1 : REAL(fdatasync)(fd); }
int fsync(int fd) { return fails_to_sync(fd) ? -1 : REAL(fsync)(fd); }

ssize_t write(int fd, const void *data, size_t size) {
    return control->write_errno && fails_to_write(is_ours(fd)) ? -1 : REAL(write)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return control->write_errno && fails_to_write(is_ours(fd)) ? -1 : REAL(pwrite)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return control->write_errno && fails_to_write(is_ours(fd)) ? -1 : REAL(pwrite64)(fd, data, size, at);
}
int ftruncate(int fd, off_t size) {
    return control->write_errno && fails_to_write(is_ours(fd)) ? -1 : REAL(ftruncate)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    return control->write_errno && fails_to_write(is_ours(fd)) ? -1 : REAL(ftruncate64)(fd, size);
}

#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (control->write_errno && WRITES(flags) && fails_to_write(is_below(path))) return -1; \
        return REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

/* --- the clock ------------------------------------------------------------------------------------ */

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = REAL(clock_gettime)(clock, now);
    int64_t ms = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? control->clock_ms : 0;
    if (failed || !ms) return failed;
    int64_t ns = now->tv_nsec + ms % 1000 * 1000000;
    now->tv_sec += ms / 1000 + (ns >= 1000000000) - (ns < 0);
    now->tv_nsec = (ns + 1000000000) % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec fine;
    (void) zone;
    if (clock_gettime(CLOCK_REALTIME, &fine)) return -1;
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
