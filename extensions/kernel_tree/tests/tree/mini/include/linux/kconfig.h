#ifndef MINI_KCONFIG_H
#define MINI_KCONFIG_H
#include <generated/autoconf.h>

#define MINI_COMMA_1 0,
#define MINI_SECOND(first, second, ...) second
#define MINI_IS(comma) MINI_SECOND(comma 1, 0)
#define MINI_GLUE(value) MINI_IS(MINI_COMMA_##value)
#define IS_ENABLED(option) MINI_GLUE_(option)
#define MINI_GLUE_(value) MINI_GLUE(value)

#endif
