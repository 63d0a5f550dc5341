#include <asm-generic/linkage.h>
/* WebAssembly has no address of a label. */
#define _THIS_IP_ 0UL
