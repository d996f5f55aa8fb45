/* timeit COMMAND...: runs it with its output thrown away, prints "SECONDS MAXRSS_KIB". Exits as it
 * does. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
        struct rusage use;
        const double start = now();
        double end;
        int status;
        pid_t pid;

        if (argc < 2)
                return 2;
        pid = fork();
        if (pid == 0) {
                const int null = open("/dev/null", O_WRONLY);

                dup2(null, STDOUT_FILENO);
                execvp(argv[1], argv + 1);
                _exit(127);
        }
        if (pid < 0 || wait4(pid, &status, 0, &use) != pid)
                return 5;
        end = now();
        printf("%.6f %ld\n", end - start, use.ru_maxrss);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
