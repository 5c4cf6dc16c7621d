/* LD_PRELOAD shim that makes the disk fail and the clock jump while a program runs.
 *
 * The file DISTURB_CONTROL holds two numbers: an errno (0: none) that every change of a file or name below
 * DISTURB_ROOT fails with, and seconds to add to the time of day. It is read anew at each call; without it
 * nothing is disturbed. What is opened for reading only is left alone, and so is CLOCK_MONOTONIC.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct disturbance {
    int error;
    long clock_seconds;
};

static struct disturbance now(void) {
    struct disturbance found = {0, 0};
    const char *control = getenv("DISTURB_CONTROL");
    int descriptor = control ? (int)syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0) : -1;
    if (descriptor < 0)
        return found;
    char text[64] = "";
    if (syscall(SYS_read, descriptor, text, sizeof text - 1) > 0)
        sscanf(text, "%d %ld", &found.error, &found.clock_seconds);
    syscall(SYS_close, descriptor);
    return found;
}

static int is_below_root(const char *path) {
    const char *root = getenv("DISTURB_ROOT");
    return root != NULL && strncmp(path, root, strlen(root)) == 0;
}

/* The error for a change of this name, relative to a folder's descriptor; 0 if it may go on. */
static int error_at(int folder, const char *path) {
    char resolved[PATH_MAX] = "", link[64];
    if (path[0] != '/') {
        snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
        if (readlink(link, resolved, sizeof resolved - 1) < 0)
            return 0;
        path = resolved;
    }
    return is_below_root(path) ? now().error : 0;
}

static int error_of(int descriptor) {
    char link[64], path[PATH_MAX] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    return readlink(link, path, sizeof path - 1) > 0 && is_below_root(path) ? now().error : 0;
}

#define FAIL_IF(expression)                                                                                           \
    do {                                                                                                              \
        int saved = errno, error = (expression);                                                                      \
        errno = error ? error : saved;                                                                                \
        if (error)                                                                                                    \
            return -1;                                                                                                \
    } while (0)

/* -- changes of files ---------------------------------------------------------------------------------- */

static int open_or_fail(int folder, const char *path, int flags, mode_t mode) {
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT))
        FAIL_IF(error_at(folder, path));
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE(last)                                                                                                    \
    va_list rest;                                                                                                     \
    va_start(rest, last);                                                                                             \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;                                         \
    va_end(rest)

int open(const char *path, int flags, ...) {
    MODE(flags);
    return open_or_fail(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags);
    return open_or_fail(AT_FDCWD, path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    MODE(flags);
    return open_or_fail(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags);
    return open_or_fail(folder, path, flags, mode);
}
ssize_t write(int descriptor, const void *data, size_t size) {
    FAIL_IF(error_of(descriptor));
    return syscall(SYS_write, descriptor, data, size);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    FAIL_IF(error_of(descriptor));
    return syscall(SYS_pwrite64, descriptor, data, size, offset);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return pwrite64(descriptor, data, size, offset);
}
int fsync(int descriptor) {
    FAIL_IF(error_of(descriptor));
    return (int)syscall(SYS_fsync, descriptor);
}
int fdatasync(int descriptor) {
    FAIL_IF(error_of(descriptor));
    return (int)syscall(SYS_fdatasync, descriptor);
}

/* -- changes of names ---------------------------------------------------------------------------------- */

int rename(const char *from, const char *to) {
    FAIL_IF(error_at(AT_FDCWD, to));
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int link(const char *from, const char *to) {
    FAIL_IF(error_at(AT_FDCWD, to));
    return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int mkdir(const char *path, mode_t mode) {
    FAIL_IF(error_at(AT_FDCWD, path));
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

/* -- the time of day ----------------------------------------------------------------------------------- */

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = (int)syscall(SYS_clock_gettime, clock, at);
    if (result == 0 && clock == CLOCK_REALTIME)
        at->tv_sec += now().clock_seconds;
    return result;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    int result = (int)syscall(SYS_gettimeofday, at, zone);
    if (result == 0)
        at->tv_sec += now().clock_seconds;
    return result;
}
time_t time(time_t *at) {
    struct timespec found;
    clock_gettime(CLOCK_REALTIME, &found);
    if (at)
        *at = found.tv_sec;
    return found.tv_sec;
}
