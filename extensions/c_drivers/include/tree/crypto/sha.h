/* 5.11 divided it. */
#include <crypto/sha1.h>
#include <crypto/sha2.h>
