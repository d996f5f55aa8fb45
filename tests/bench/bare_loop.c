/*
 * bare_loop [-s] SOURCE TARGET: what creating a batch's files costs at the least. Reads SOURCE/bin,
 * SOURCE/csv and SOURCE/keys into memory, then creates the same files with the same bytes below
 * TARGET, one after the other, and prints the seconds of that part alone. -s: with a syncfs at the
 * end.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct file {
        char *path;
        char *data;
        size_t len;
};

static struct file *files;
static size_t count, cap;

static void die(const char *what)
{
        perror(what);
        exit(5);
}

static void load(const char *from, const char *to, const char *folder)
{
        char path[4096];
        struct dirent *e;
        DIR *dp;

        snprintf(path, sizeof path, "%s/%s", from, folder);
        dp = opendir(path);
        if (!dp)
                return;
        snprintf(path, sizeof path, "%s/%s", to, folder);
        if (mkdir(path, 0777) < 0)
                die(path);
        while ((e = readdir(dp))) {
                struct file f = { 0 };
                struct stat st;
                int fd;

                if (e->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof path, "%s/%s/%s", from, folder, e->d_name);
                fd = open(path, O_RDONLY);
                if (fd < 0 || fstat(fd, &st) < 0)
                        die(path);
                f.len = (size_t)st.st_size;
                f.data = malloc(f.len + 1);
                if (!f.data || read(fd, f.data, f.len) != (ssize_t)f.len)
                        die(path);
                close(fd);
                if (asprintf(&f.path, "%s/%s/%s", to, folder, e->d_name) < 0)
                        die("asprintf");
                if (count == cap) {
                        cap = cap ? 2 * cap : 1024;
                        files = realloc(files, cap * sizeof *files);
                        if (!files)
                                die("realloc");
                }
                files[count++] = f;
        }
        closedir(dp);
}

int main(int argc, char **argv)
{
        const int sync = argc > 1 && strcmp(argv[1], "-s") == 0;
        struct timespec a, b;

        if (argc - sync != 3)
                return 2;
        argv += sync;
        if (mkdir(argv[2], 0777) < 0)
                die(argv[2]);
        load(argv[1], argv[2], "bin");
        load(argv[1], argv[2], "csv");
        load(argv[1], argv[2], "keys");
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (size_t i = 0; i < count; i++) {
                const int fd = open(files[i].path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

                if (fd < 0 || write(fd, files[i].data, files[i].len) != (ssize_t)files[i].len ||
                    close(fd) < 0)
                        die(files[i].path);
        }
        if (sync) {
                const int fd = open(argv[2], O_RDONLY);

                if (fd < 0 || syncfs(fd) < 0)
                        die(argv[2]);
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        printf("%.6f\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
        return 0;
}
