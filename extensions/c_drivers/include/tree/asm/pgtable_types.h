/* x86 has a part of asm/pgtable.h here. */
#include <asm/pgtable.h>
