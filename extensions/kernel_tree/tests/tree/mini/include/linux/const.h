#ifndef MINI_CONST_H
#define MINI_CONST_H
#define _AC(number, suffix) number##suffix
#endif
