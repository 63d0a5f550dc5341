#include <linux/types.h>

int doubtful(int n)
{
	int unused;
	return n;
}
