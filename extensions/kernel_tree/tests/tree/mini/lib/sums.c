/* A library as a tree has it. */
#include <linux/export.h>

int sum_of(const unsigned char *bytes, int count)
{
	int sum = 0;

	while (count--)
		sum += *bytes++;
	return sum;
}
EXPORT_SYMBOL_GPL(sum_of);
