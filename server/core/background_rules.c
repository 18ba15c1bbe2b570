#include "background_rules.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t least(const struct background_load *load)
{
    return larger(BACKGROUND_LEAST, (load->items + load->late) / BACKGROUND_EACH);
}

size_t background_share(const struct background_load *load, size_t step)
{
    size_t part = load->answered ? 1 + load->items : BACKGROUND_PART;
    size_t share = larger(step / part, least(load));
    return load->items == 0 || share > step ? step : share;
}

bool background_gives_way(const struct background_load *load, size_t done, size_t arrived)
{
    return arrived > 0 && done >= least(load);
}
