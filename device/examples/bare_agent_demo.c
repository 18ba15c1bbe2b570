/* The example on a host: what it says while it sends and receives, loses a connection and its power. */
#include "fake_plan.h"

#include <stdio.h>

int bare_agent_main(void); /* its main() */

int main(void)
{
    struct fake_outcome outcome = fake_run(&fake_demo, bare_agent_main);
    bool ok = fake_all_is_well(&outcome) && fake_resumed(&outcome);

    puts(ok ? "both files are on the other side" : "something is missing");
    return ok ? 0 : 1;
}
