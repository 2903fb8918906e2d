/* The machine's network: loopback, to which every address leads, and sockets of it that init
 * opens for the host. */
#include "agentos.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPBACK = 1, NAMESERVER = 0xC6120001 /* 198.18.0.1 */ };

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static void set_loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request)) fail("bring loopback up");
    close(fd);
}

/* Sends one request of routing netlink; returns 0 or its errno. */
static int ask_netlink(int netlink, const struct nlmsghdr *message) {
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[256];
    } answer;
    if (send(netlink, message, message->nlmsg_len, 0) < 0 ||
        recv(netlink, &answer, sizeof answer, 0) < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
        fail("ask netlink");
    return -answer.error.error;
}

/* `ip route add local default dev lo table local`, for one address family. */
static void route_everything_to_loopback(int netlink, unsigned char family) {
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
        struct rtattr attribute;
        uint32_t interface;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = RTM_NEWROUTE,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
        .route = {.rtm_family = family,
                  .rtm_table = RT_TABLE_LOCAL,
                  .rtm_protocol = RTPROT_STATIC,
                  .rtm_scope = RT_SCOPE_HOST,
                  .rtm_type = RTN_LOCAL},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = RTA_OIF},
        .interface = LOOPBACK,
    };
    errno = ask_netlink(netlink, &message.header);
    if (errno && !(family == AF_INET6 && (errno == EOPNOTSUPP || errno == EAFNOSUPPORT)))
        fail("add a route");
}

/* `ip address add 198.18.0.1/32 dev lo`: resolvers ask for addresses only of a family of
 * which the machine has one beyond 127.0.0.1. */
static void add_address(int netlink) {
    struct {
        struct nlmsghdr header;
        struct ifaddrmsg address;
        struct rtattr attribute;
        struct in_addr local;
    } message = {
        .header = {.nlmsg_len = sizeof message,
                   .nlmsg_type = RTM_NEWADDR,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
        .address = {.ifa_family = AF_INET,
                    .ifa_prefixlen = 32,
                    .ifa_scope = RT_SCOPE_HOST,
                    .ifa_index = LOOPBACK},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(struct in_addr)), .rta_type = IFA_LOCAL},
        .local = {htonl(NAMESERVER)},
    };
    if ((errno = ask_netlink(netlink, &message.header))) fail("add an address");
}

/* Servers inside may take port 80 without privileges: the network is theirs alone. */
void open_low_ports(void) {
    int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) fail("open low ports");
    close(fd);
}

static void bring_loopback_up(void) {
    set_loopback_up();
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (netlink < 0) fail("open netlink");
    route_everything_to_loopback(netlink, AF_INET);
    route_everything_to_loopback(netlink, AF_INET6);
    add_address(netlink);
    close(netlink);
}

void make_network(void) {
    if (unshare(CLONE_NEWNET)) fail("make a network namespace");
    bring_loopback_up();
}

/* For the thread that did not make it. */
void join_network(void) {
    int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (network < 0 || setns(network, CLONE_NEWNET)) fail("join the network namespace");
}

static socklen_t parse_address(const char *text, int port, struct sockaddr_storage *address) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return sizeof *v6;
    }
    errno = EINVAL;
    return 0;
}

static int allow(int fd, int level, int option) {
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

/* A socket keeps its namespace wherever it goes: the host accepts, connects and configures with
 * it from outside. Returns a descriptor, or -1 with errno. */
int make_socket(int family, int type, int protocol) {
    return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

/* UDP with SO_REUSEADDR would let others bind the same place. A transparent socket takes what
 * netfilter hands to it, whatever the address: see machine/network/redirect.py. */
static int prepare_listener(int fd, int family, int kind) {
    if (kind != LISTEN_UDP && allow(fd, SOL_SOCKET, SO_REUSEADDR)) return -1;
    if (family == AF_INET)
        return kind == LISTEN_TRANSPARENT ? allow(fd, IPPROTO_IP, IP_TRANSPARENT) : 0;
    if (allow(fd, IPPROTO_IPV6, IPV6_V6ONLY) || allow(fd, IPPROTO_IPV6, IPV6_FREEBIND)) return -1;
    return kind == LISTEN_TRANSPARENT ? allow(fd, IPPROTO_IPV6, IPV6_TRANSPARENT) : 0;
}

/* Returns a descriptor, or -1 with errno. */
int open_listener(const char *text, int port, int kind) {
    struct sockaddr_storage address = {0};
    socklen_t size = parse_address(text, port, &address);
    if (!size) return -1;
    int fd = make_socket(address.ss_family, kind == LISTEN_UDP ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (fd < 0) return -1;
    if (prepare_listener(fd, address.ss_family, kind) ||
        bind(fd, (struct sockaddr *)&address, size) || (kind != LISTEN_UDP && listen(fd, 1024))) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}
