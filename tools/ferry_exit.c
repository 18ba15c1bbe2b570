#include "ferry_exit.h"

#include <stddef.h>

int ferry_exit_code(ferry_device_err err)
{
    switch (err) {
    case FERRY_DEVICE_OK:
        return EXIT_DONE;
    case FERRY_DEVICE_E_ARG:
        return EXIT_USAGE;
    case FERRY_DEVICE_E_REFUSED:
    case FERRY_DEVICE_E_CREDENTIAL:
    case FERRY_DEVICE_E_URL:
    case FERRY_DEVICE_E_CANCELLED:
    case FERRY_DEVICE_E_NO_TASK:
        return EXIT_REFUSED;
    case FERRY_DEVICE_E_NETWORK:
    case FERRY_DEVICE_E_SILENT:
    case FERRY_DEVICE_E_TLS:
    case FERRY_DEVICE_E_HTTP:
    case FERRY_DEVICE_E_UNCONFIRMED:
    case FERRY_DEVICE_E_TIMEOUT:
        return EXIT_NETWORK;
    case FERRY_DEVICE_E_MEMORY:
    case FERRY_DEVICE_E_STATE:
    case FERRY_DEVICE_E_SNAPSHOT:
    case FERRY_DEVICE_E_UNWANTED:
    case FERRY_DEVICE_E_DIGEST:
    case FERRY_DEVICE_E_SOURCE:
    case FERRY_DEVICE_E_STORE:
    case FERRY_DEVICE_E_SPACE:
    case FERRY_DEVICE_E_NAME:
    case FERRY_DEVICE_E_STOPPED:
    case FERRY_DEVICE_E_SYSTEM:
    case FERRY_DEVICE_E_BUSY:
        return EXIT_FAILED;
    }
    return EXIT_FAILED;
}

const char *ferry_exit_advice(ferry_device_err err, bool patient)
{
    static const struct {
        ferry_device_err err;
        bool for_all; /* else it is for who has to try again by hand */
        const char *words;
    } advice[] = {
        {FERRY_DEVICE_E_CREDENTIAL, true,
         "; check product, device and secret, and that the device is registered and enabled"},
        {FERRY_DEVICE_E_NAME, true, "; move the file that is in the way, or choose another --dir"},
        {FERRY_DEVICE_E_NETWORK, false, "; run the same command again to go on where it stopped"},
        {FERRY_DEVICE_E_UNCONFIRMED, false, "; run the same command again to go on where it stopped"},
        {FERRY_DEVICE_E_STOPPED, false, "; run the same command again to go on where it stopped"},
        {FERRY_DEVICE_E_SILENT, false,
         "; is the platform running behind this broker? Run the same command again to go on"},
    };

    for (size_t i = 0; i < sizeof advice / sizeof advice[0]; i++)
        if (advice[i].err == err && (advice[i].for_all || !patient))
            return advice[i].words;
    return "";
}
