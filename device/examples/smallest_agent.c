/*
 * The smallest agent: takes every file that the platform has for this device.
 *
 *     smallest_agent mqtt://platform.example:1883 PRODUCT DEVICE SECRET_FILE FOLDER
 */
#include "ferry/ferry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char secret[256] = "", why[FERRY_MESSAGE_SIZE];
    struct ferry *ferry = NULL;
    struct ferry_file file;
    FILE *in = argc == 6 ? fopen(argv[4], "r") : NULL;

    if (in == NULL || fgets(secret, sizeof secret, in) == NULL) {
        fprintf(stderr, "usage: smallest_agent BROKER PRODUCT DEVICE SECRET_FILE FOLDER\n");
        return 2;
    }
    (void)fclose(in);
    secret[strcspn(secret, "\n")] = '\0';

    struct ferry_options options = {
        .broker = argv[1], .product = argv[2], .device = argv[3], .secret = secret, .state_dir = argv[5]};
    if (ferry_open(&options, &ferry, why) != FERRY_DEVICE_OK) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    while (ferry_download_next(ferry, argv[5], 60000, &file) == FERRY_DEVICE_OK) {
        printf("received %s\n", file.path);
        free(file.path);
    }
    printf("%s\n", ferry_message(ferry)); /* nothing more within a minute, or what went wrong */
    ferry = ferry_close(ferry);
    return 0;
}
