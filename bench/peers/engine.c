// engine: replies "OK" to every message at the least cost, so that it does not distort what is measured.
//
//   cc -O2 -o engine engine.c && ./engine PORT keep|close
//
// keep leaves connections open, as most Engines do; close ends each one after its reply, as the first Engines did.
// The reply to "count" is the number of its OKs, by which a checker's processor time is divided.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: engine PORT keep|close\n");
        return 2;
    }
    int keep = strcmp(argv[2], "keep") == 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
    if (bind(listener, (void *)&at, sizeof at) < 0 || listen(listener, 4096) < 0) {
        perror("listen");
        return 1;
    }
    long answers = 0;
    int ep = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[512];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(ep, ready, 512, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int peer;
                while ((peer = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    e.events = EPOLLIN;
                    e.data.fd = peer;
                    epoll_ctl(ep, EPOLL_CTL_ADD, peer, &e);
                }
                continue;
            }
            char question[2048];
            ssize_t got = read(fd, question, sizeof question);
            if (got < 0 && errno == EAGAIN)
                continue;
            if (got == 5 && memcmp(question, "count", 5) == 0) {
                dprintf(fd, "%ld\n", answers);
                continue;
            }
            if (got <= 0 || write(fd, "OK", 2) < 0) {
                close(fd);
                continue;
            }
            answers++;
            if (!keep)
                close(fd);
        }
    }
}
