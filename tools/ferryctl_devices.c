#include "ferryctl_devices.h"

#include "ferryctl_memory.h"
#include "proto/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FERRY_DEFINE_CLEANUP(FILE *, fclose)

enum { LINE_BYTES_MAX = 512 };

const char *ctl_device_of(const char *product, const char *text)
{
    size_t len = strlen(product);
    const char *device = strchr(text, '/') == NULL ? text : NULL;

    if (device == NULL && strncmp(text, product, len) == 0 && text[len] == '/')
        device = text + len + 1;
    return device != NULL && ferry_ident_valid(ferry_text_of(device)) ? device : NULL;
}

static void append(json_t *devices, const char *device)
{
    if (json_array_append_new(devices, json_string(device)) != 0)
        (void)ctl_check(NULL);
}

enum ctl_exit ctl_devices_from_options(const char *product, const struct ctl_options *options, json_t *devices)
{
    for (size_t i = 0; i < options->device_count; i++) {
        const char *device = ctl_device_of(product, options->devices[i]);
        if (device == NULL)
            return ctl_fail(CTL_USAGE, "\"%s\" is no device of %s", options->devices[i], product);
        append(devices, device);
    }
    return CTL_DONE;
}

/* The line without comment and the space around it. */
static char *trim(char *line)
{
    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    size_t len = strlen(line);
    while (len > 0 && strchr(" \t", line[len - 1]) != NULL)
        line[--len] = '\0';
    return line;
}

enum ctl_exit ctl_devices_from_file(const char *product, const char *file, json_t *devices)
{
    char line[LINE_BYTES_MAX];
    ferry_cleanup(fclose) FILE *own = strcmp(file, "-") == 0 ? NULL : fopen(file, "re");
    FILE *in = own != NULL ? own : stdin;

    if (own == NULL && strcmp(file, "-") != 0)
        return ctl_fail(CTL_FAILED, "cannot open %s: %s", file, strerror(errno));
    for (unsigned long number = 1; fgets(line, sizeof line, in) != NULL; number++) {
        const char *text = trim(line);
        if (text[0] == '\0')
            continue;
        const char *device = ctl_device_of(product, text);
        if (device == NULL)
            return ctl_fail(CTL_USAGE, "%s:%lu: this is no device of %s", file, number, product);
        append(devices, device);
    }
    if (ferror(in))
        return ctl_fail(CTL_FAILED, "cannot read %s: %s", file, strerror(errno));
    if (json_array_size(devices) == 0)
        return ctl_fail(CTL_USAGE, "%s names no device", file);
    return CTL_DONE;
}
