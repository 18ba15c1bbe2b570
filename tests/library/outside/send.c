/* Sends one file: send BROKER PRODUCT DEVICE SECRET FILE */
#include <ferry/ferry.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct ferry *ferry = NULL;
    char why[FERRY_MESSAGE_SIZE];

    if (argc != 6)
        return 2;
    struct ferry_options options = {.broker = argv[1], .product = argv[2], .device = argv[3], .secret = argv[4]};
    if (ferry_open(&options, &ferry, why) != FERRY_DEVICE_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    ferry_device_err err = ferry_upload_file(ferry, argv[5], NULL);
    printf("%s %s\n", ferry_version(), ferry_message(ferry));
    ferry = ferry_close(ferry);
    return err == FERRY_DEVICE_OK ? 0 : 1;
}
