/* raw_printer FILE: a printer's raw port. Prints the port's number; FILE holds what one client
 * sent. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t len = sizeof a;
        const int s = socket(AF_INET, SOCK_STREAM, 0);
        FILE *f = argc == 2 ? fopen(argv[1], "w") : NULL;
        char buf[4096];
        ssize_t n;
        int c;

        if (!f || s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 1) < 0 ||
            getsockname(s, (struct sockaddr *)&a, &len) < 0)
                return 5;
        printf("%u\n", ntohs(a.sin_port));
        fflush(stdout);
        if ((c = accept(s, NULL, NULL)) < 0)
                return 5;
        while ((n = read(c, buf, sizeof buf)) > 0)
                fwrite(buf, 1, (size_t)n, f);
        return fclose(f) != 0 || n < 0;
}
