/* Found beside the including file, by `..`. */
#include <linux/slab.h>
