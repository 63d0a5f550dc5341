#include <linux/types.h>

static int twice(int n)
{
	return n * 2;
}

static int never(int n)
{
	return n * 3;
}

int choose(int n)
{
	int sum = 0;

	while (n > 100)
		n = never(n);
	if (n > 3) {
		sum += twice(n);
	} else {
		sum += n;
		if (n == 3)
			sum += twice(100);
	}
	return sum;
}

int unused(void)
{
	return never(1);
}
