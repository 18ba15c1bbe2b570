/**
 * @file ferry_identity.h
 * @brief The identity of the device that `ferry` works as.
 */
#ifndef FERRY_IDENTITY_H
#define FERRY_IDENTITY_H

#include "ferry_config.h"

/** @brief Fills product, device and secret from the files the settings name. False: said why. */
bool ferry_identity_read(struct ferry_config *config);

#endif
