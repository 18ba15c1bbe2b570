/* From reset to main() and from its end to the host, for every board; the linker script says where things lie. */
#include "board.h"

#include <stdio.h>

/* Arm's semihosting calls, and one of its reasons to end. */
enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };
enum { STACK_FILL = 0xa5, EXCEPTIONS = 16 };

extern char board_stack[], board_stack_end[], board_data[], board_data_end[], board_bss[], board_bss_end[];
extern char board_far[], board_far_end[], board_ram_end[];
extern const char board_data_from[];

int main(void);
void board_start(void);
void board_fault_enter(void);
void board_fault(const uint32_t *frame, uint32_t exception);

static void semihost(unsigned call, const void *argument)
{
    register unsigned r0 __asm__("r0") = call;
    register const void *r1 __asm__("r1") = argument;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void board_print(const char *text)
{
    semihost(SYS_WRITE0, text);
}

void board_exit(int status)
{
    const uint32_t argument[] = {APPLICATION_EXIT, (uint32_t)status};

    for (;;)
        semihost(SYS_EXIT_EXTENDED, argument);
}

size_t board_stack_used(void)
{
    const char *p = board_stack;

    while (p < board_stack_end && *p == (char)STACK_FILL)
        p++;
    return (size_t)(board_stack_end - p);
}

/* Small boards have no room for printf(). */
static void print_number(const char *before, uint32_t number, unsigned base)
{
    char text[12], *p = text + sizeof text - 1;

    *p = '\0';
    do {
        *--p = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    board_print(before);
    board_print(p);
}

static void print_memory(void)
{
    size_t far = (size_t)(board_far_end - board_far), fixed = (size_t)(board_bss_end - board_data);

    print_number("memory: ", fixed, 10);
    print_number(" static + ", board_heap_used(), 10);
    print_number(" heap + ", board_stack_used(), 10);
    print_number(" stack = ", fixed + board_heap_used() + board_stack_used(), 10);
    if (far > 0)
        print_number(", the far side ", far, 10);
    print_number(", of ", (uint32_t)(board_ram_end - board_stack), 10);
    board_print(" bytes\n");
}

void board_end(int status)
{
    (void)fflush(NULL);
    print_memory();
    board_exit(status);
}

/* A fault ends the program; frame: what the processor put on the stack, if that is memory. */
void board_fault(const uint32_t *frame, uint32_t exception)
{
    print_number("fault ", exception, 10);
    if ((const char *)frame >= board_stack && (const char *)(frame + 8) <= board_stack_end)
        print_number(" at 0x", frame[6], 16);
    else
        board_print(": the stack is full");
    board_print("\n");
    board_exit(1);
}

/* The stack may be what is broken: begin it anew. */
__attribute__((naked)) void board_fault_enter(void)
{
    __asm__("mov r0, sp\n"
            "mrs r1, ipsr\n"
            "ldr r2, =board_stack_end\n"
            "mov sp, r2\n"
            "bl board_fault\n");
}

/* Small cores have no unaligned access. A larger one that runs their code must not forgive it either. */
static void trap_unaligned(void)
{
#if !defined(__ARM_FEATURE_UNALIGNED)
    volatile uint32_t *configuration = (volatile uint32_t *)0xe000ed14;

    *configuration |= 1u << 3;
#endif
}

void board_start(void)
{
    char *here = __builtin_frame_address(0);

    for (volatile char *p = board_stack; p < here - 64; p++)
        *p = (char)STACK_FILL;
    for (size_t i = 0; i < (size_t)(board_data_end - board_data); i++)
        ((volatile char *)board_data)[i] = board_data_from[i];
    for (volatile char *p = board_bss; p < board_bss_end; p++)
        *p = 0;
    trap_unaligned();
    board_end(main());
}

/* The exceptions of the core; there are no interrupts. */
__attribute__((section(".vectors"), used)) static const struct {
    const char *stack;
    void (*handler[EXCEPTIONS - 1])(void);
} vectors = {
    board_stack_end,
    {
        board_start,       /* reset */
        board_fault_enter, /* NMI */
        board_fault_enter, /* hard fault: also the others, which are not enabled */
    },
};
