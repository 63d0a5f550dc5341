/* x86 has a part of asm/page.h here. */
#include <asm/page.h>
