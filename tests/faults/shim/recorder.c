/* LD_PRELOAD shim that records what a program does to the files below a folder, in order.
 *
 * RECORDER_ROOT is the folder (absolute, without symbolic links), RECORDER_LOG the file to write to. A
 * record is a `struct record`, then the first path, then the second path or the data. Files are named by
 * their inode number, so that a rename needs no bookkeeping here. One lock is held over each operation and
 * its record, so the order of the log is the order of the operations.
 *
 * What is not recorded (mmap, fallocate, copy_file_range, …) shows itself: tests/faults compares the folder
 * with what the records alone lead to.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { CREATE = 1, TRUNCATE, WRITE, SYNC, RENAME, LINK, UNLINK, MAKE_FOLDER, MARK };

struct record {
    uint32_t kind, path_bytes;
    uint64_t inode, offset, data_bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_descriptor = -1;
static char root[PATH_MAX];
static size_t root_bytes;

__attribute__((constructor)) static void start(void) {
    const char *folder = getenv("RECORDER_ROOT"), *log = getenv("RECORDER_LOG");
    if (folder == NULL || log == NULL)
        return;
    snprintf(root, sizeof root, "%s", folder);
    root_bytes = strlen(root);
    log_descriptor = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t count) {
    const char *next = bytes;
    while (count > 0) {
        ssize_t written = syscall(SYS_write, log_descriptor, next, count);
        if (written <= 0)
            abort(); /* an incomplete record proves nothing */
        next += written;
        count -= (size_t)written;
    }
}

static void record(enum kind kind, const char *path, uint64_t inode, uint64_t offset, const void *data, size_t size) {
    int saved = errno;
    size_t path_bytes = path ? strlen(path) : 0;
    struct record header = {kind, (uint32_t)path_bytes, inode, offset, size};
    put(&header, sizeof header);
    put(path, path_bytes);
    put(data, size);
    errno = saved;
}

/* The path below the root ("" for the root itself), or NULL if it is elsewhere. */
static const char *below_root(const char *path) {
    if (log_descriptor < 0 || strncmp(path, root, root_bytes) != 0)
        return NULL;
    if (path[root_bytes] == '\0')
        return path + root_bytes;
    return path[root_bytes] == '/' ? path + root_bytes + 1 : NULL;
}

static const char *path_of(int descriptor, char *buffer) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = log_descriptor < 0 ? -1 : readlink(link, buffer, PATH_MAX - 1);
    if (length < 0)
        return NULL;
    buffer[length] = '\0';
    return below_root(buffer);
}

static const char *path_at(int folder, const char *path, char *buffer) {
    char base[PATH_MAX];
    if (log_descriptor < 0)
        return NULL;
    if (path[0] == '/')
        return below_root(path);
    if (folder == AT_FDCWD) {
        if (getcwd(base, sizeof base) == NULL)
            return NULL;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0)
            return NULL;
        base[length] = '\0';
    }
    if (snprintf(buffer, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
        return NULL;
    return below_root(buffer);
}

static uint64_t inode_of(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

static uint64_t inode_at(int folder, const char *path) {
    struct stat status;
    return fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_ino : 0;
}

/* -- opening ------------------------------------------------------------------------------------------- */

static int open_and_record(int folder, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *inside = (flags & (O_CREAT | O_TRUNC)) ? path_at(folder, path, buffer) : NULL;
    if (inside == NULL)
        return (int)syscall(SYS_openat, folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    int existed = inode_at(folder, path) != 0;
    int descriptor = (int)syscall(SYS_openat, folder, path, flags, mode);
    if (descriptor >= 0 && !existed)
        record(CREATE, inside, inode_of(descriptor), 0, NULL, 0);
    else if (descriptor >= 0 && (flags & O_TRUNC))
        record(TRUNCATE, NULL, inode_of(descriptor), 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return descriptor;
}

static mode_t mode_of(int flags, va_list rest) { return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; }

#define DEFINE_OPEN(name)                                                                                             \
    int name(const char *path, int flags, ...) {                                                                      \
        va_list rest;                                                                                                 \
        va_start(rest, flags);                                                                                        \
        mode_t mode = mode_of(flags, rest);                                                                           \
        va_end(rest);                                                                                                 \
        return open_and_record(AT_FDCWD, path, flags, mode);                                                          \
    }
#define DEFINE_OPENAT(name)                                                                                           \
    int name(int folder, const char *path, int flags, ...) {                                                          \
        va_list rest;                                                                                                 \
        va_start(rest, flags);                                                                                        \
        mode_t mode = mode_of(flags, rest);                                                                           \
        va_end(rest);                                                                                                 \
        return open_and_record(folder, path, flags, mode);                                                            \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

/* -- data ---------------------------------------------------------------------------------------------- */

static ssize_t write_and_record(int descriptor, const void *data, size_t size, off_t offset, int positioned) {
    char buffer[PATH_MAX];
    if (path_of(descriptor, buffer) == NULL)
        return positioned ? syscall(SYS_pwrite64, descriptor, data, size, offset)
                          : syscall(SYS_write, descriptor, data, size);
    pthread_mutex_lock(&lock);
    ssize_t written;
    if (positioned) {
        written = syscall(SYS_pwrite64, descriptor, data, size, offset);
    } else {
        written = syscall(SYS_write, descriptor, data, size);
        offset = lseek(descriptor, 0, SEEK_CUR) - (written > 0 ? written : 0);
    }
    if (written > 0)
        record(WRITE, NULL, inode_of(descriptor), (uint64_t)offset, data, (size_t)written);
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    return write_and_record(descriptor, data, size, 0, 0);
}
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return write_and_record(descriptor, data, size, offset, 1);
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return write_and_record(descriptor, data, size, offset, 1);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write(descriptor, parts[i].iov_base, parts[i].iov_len);
        if (written < 0)
            return total ? total : written;
        total += written;
        if ((size_t)written < parts[i].iov_len)
            break;
    }
    return total;
}

static int truncate_and_record(int descriptor, off_t size) {
    char buffer[PATH_MAX];
    int inside = path_of(descriptor, buffer) != NULL;
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_ftruncate, descriptor, size);
    if (result == 0 && inside)
        record(TRUNCATE, NULL, inode_of(descriptor), (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int ftruncate(int descriptor, off_t size) { return truncate_and_record(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return truncate_and_record(descriptor, size); }

static int sync_and_record(int descriptor, long call) {
    char buffer[PATH_MAX];
    int inside = path_of(descriptor, buffer) != NULL;
    pthread_mutex_lock(&lock);
    int result = (int)syscall(call, descriptor);
    if (result == 0 && inside)
        record(SYNC, NULL, inode_of(descriptor), 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int fsync(int descriptor) { return sync_and_record(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return sync_and_record(descriptor, SYS_fdatasync); }

/* -- names --------------------------------------------------------------------------------------------- */

static int two_names(enum kind kind, int from_folder, const char *from, int to_folder, const char *to, int flags) {
    char first[PATH_MAX], second[PATH_MAX];
    const char *source = path_at(from_folder, from, first), *target = path_at(to_folder, to, second);
    pthread_mutex_lock(&lock);
    int result = (int)(kind == RENAME ? syscall(SYS_renameat2, from_folder, from, to_folder, to, flags)
                                      : syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
    if (result == 0 && source && target)
        record(kind, source, 0, 0, target, strlen(target));
    pthread_mutex_unlock(&lock);
    return result;
}
int rename(const char *from, const char *to) { return two_names(RENAME, AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return two_names(RENAME, from_folder, from, to_folder, to, 0);
}
int link(const char *from, const char *to) { return two_names(LINK, AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    return two_names(LINK, from_folder, from, to_folder, to, flags);
}

static int remove_and_record(int folder, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *inside = path_at(folder, path, buffer);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_unlinkat, folder, path, flags);
    if (result == 0 && inside)
        record(UNLINK, inside, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int unlink(const char *path) { return remove_and_record(AT_FDCWD, path, 0); }
int unlinkat(int folder, const char *path, int flags) { return remove_and_record(folder, path, flags); }
int rmdir(const char *path) { return remove_and_record(AT_FDCWD, path, AT_REMOVEDIR); }

static int make_folder_and_record(int folder, const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *inside = path_at(folder, path, buffer);
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_mkdirat, folder, path, mode);
    if (result == 0 && inside)
        record(MAKE_FOLDER, inside, inode_at(folder, path), 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int mkdir(const char *path, mode_t mode) { return make_folder_and_record(AT_FDCWD, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { return make_folder_and_record(folder, path, mode); }

/* Called by the recorded program: what it has been promised so far. */
void recorder_mark(const char *text) {
    pthread_mutex_lock(&lock);
    if (log_descriptor >= 0)
        record(MARK, NULL, 0, 0, text, strlen(text));
    pthread_mutex_unlock(&lock);
}
