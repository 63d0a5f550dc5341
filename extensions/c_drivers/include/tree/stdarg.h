/* The compiler's header: a kernel has its own since 5.15, and modules out of a tree may name this one. */
#include <linux/stdarg.h>
