// The same in C++, from a loop of its own: send_cpp BROKER PRODUCT DEVICE SECRET FILE
#include <ferry/ferry.h>

#include <cstdio>
#include <memory>
#include <poll.h>

int main(int argc, char **argv)
{
    ferry *opened = nullptr;
    char why[FERRY_MESSAGE_SIZE];
    ferry_options options{};

    if (argc != 6)
        return 2;
    options.broker = argv[1];
    options.product = argv[2];
    options.device = argv[3];
    options.secret = argv[4];
    if (ferry_open(&options, &opened, why) != FERRY_DEVICE_OK) {
        std::fprintf(stderr, "%s\n", why);
        return 1;
    }
    std::unique_ptr<ferry, ferry *(*)(ferry *)> device(opened, ferry_close);
    if (ferry_begin_upload(device.get(), argv[5], nullptr) != FERRY_DEVICE_OK) {
        std::fprintf(stderr, "%s\n", ferry_message(device.get()));
        return 1;
    }
    ferry_outcome outcome;
    do {
        pollfd fd = {ferry_fd(device.get()), POLLIN, 0};
        (void)poll(&fd, 1, -1);
    } while (!ferry_step(device.get(), 0, &outcome));
    std::printf("%s %s\n", ferry_version(), outcome.message);
    return outcome.err == FERRY_DEVICE_OK ? 0 : 1;
}
