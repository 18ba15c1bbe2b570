/**
 * @file ferry_identity.h
 * @brief The identity of the device that `ferry` works as.
 */
#ifndef FERRY_IDENTITY_H
#define FERRY_IDENTITY_H

#include "ferry_config.h"

/**
 * @brief Fills product, device, and secret or certificate, from the files that the settings name.
 *
 * A device_info.json with "auth_mode":"CERT" names its certificate and key without a folder. They are looked for where
 * the vendor's SDK has them, in "certs" beside the file, and beside the file itself.
 * @return false: reterr_message says why
 */
bool ferry_identity_read(struct ferry_config *config, char reterr_message[FERRY_CONFIG_MESSAGE_SIZE]);

#endif
