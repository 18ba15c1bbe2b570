/* Ways in which a program on a board can fail; must_fail.sh sees to it that each is noticed. */
#include <string.h>

int main(void);

static int way_status(void)
{
    return 3;
}

static int way_access(void)
{
    return *(volatile int *)0x60000000;
}

static int way_unaligned(void)
{
    static volatile char bytes[8];

    return *(volatile int *)(void *)(&bytes[0] + ((unsigned)&bytes[0] % 4 == 0 ? 1 : 0));
}

static int way_stack(void)
{
    volatile char bytes[256];

    memset((char *)bytes, 1, sizeof bytes);
    return way_stack() + bytes[9];
}

int main(void)
{
    return WAY();
}
