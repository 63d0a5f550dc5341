#pragma once
#include <asm/io.h>
