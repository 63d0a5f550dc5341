/* Clocks: every one that a driver asks for is there, runs at the rate that was set last, and needs nothing. */
#include <linux/clk.h>
#include <linux/device.h>
#include <dmalab/lab.h>

#define USUAL_RATE 100000000
#define MOST_CLOCKS 64

struct clk {
	const char *name;
	unsigned long rate;
};

static struct clk clocks[MOST_CLOCKS];

struct clk *clk_get(struct device *dev, const char *name)
{
	int at;

	for (at = 0; at < MOST_CLOCKS; at++) {
		if (!clocks[at].rate) {
			clocks[at].rate = USUAL_RATE;
			clocks[at].name = name;
		}
		if (clocks[at].name == name || (name && clocks[at].name && !strcmp(clocks[at].name, name)))
			return &clocks[at];
	}
	return ERR_PTR(-ENOMEM);
}
EXPORT_SYMBOL(clk_get);

#define GETS(function)                                                      \
	struct clk *function(struct device *dev, const char *name)          \
	{                                                                   \
		return clk_get(dev, name);                                  \
	}
GETS(devm_clk_get)
EXPORT_SYMBOL(devm_clk_get);
GETS(devm_clk_get_prepared)
EXPORT_SYMBOL(devm_clk_get_prepared);
GETS(devm_clk_get_enabled)
EXPORT_SYMBOL(devm_clk_get_enabled);
GETS(devm_clk_get_optional)
EXPORT_SYMBOL(devm_clk_get_optional);
GETS(devm_clk_get_optional_prepared)
EXPORT_SYMBOL(devm_clk_get_optional_prepared);
GETS(devm_clk_get_optional_enabled)
EXPORT_SYMBOL(devm_clk_get_optional_enabled);

struct clk *devm_clk_get_optional_enabled_with_rate(struct device *dev, const char *name,
						    unsigned long rate)
{
	struct clk *clk = clk_get(dev, name);

	if (!IS_ERR(clk))
		clk->rate = rate;
	return clk;
}
EXPORT_SYMBOL(devm_clk_get_optional_enabled_with_rate);

struct clk *of_clk_get_by_name(struct device_node *node, const char *name)
{
	return clk_get(NULL, name);
}
EXPORT_SYMBOL(of_clk_get_by_name);

struct clk *of_clk_get(struct device_node *node, int number)
{
	return clk_get(NULL, NULL);
}
EXPORT_SYMBOL(of_clk_get);

int clk_bulk_get(struct device *dev, int count, struct clk_bulk_data *each)
{
	for (; count--; each++) {
		each->clk = clk_get(dev, each->id);
		if (IS_ERR(each->clk))
			return PTR_ERR(each->clk);
	}
	return 0;
}
EXPORT_SYMBOL(clk_bulk_get);

#define GETS_ALL(function)                                                            \
	int function(struct device *dev, int count, struct clk_bulk_data *each)       \
	{                                                                             \
		return clk_bulk_get(dev, count, each);                                \
	}
GETS_ALL(clk_bulk_get_optional)
EXPORT_SYMBOL(clk_bulk_get_optional);
GETS_ALL(devm_clk_bulk_get)
EXPORT_SYMBOL(devm_clk_bulk_get);
GETS_ALL(devm_clk_bulk_get_optional)
EXPORT_SYMBOL(devm_clk_bulk_get_optional);
GETS_ALL(devm_clk_bulk_get_enable)
EXPORT_SYMBOL(devm_clk_bulk_get_enable);
GETS_ALL(devm_clk_bulk_get_optional_enable)
EXPORT_SYMBOL(devm_clk_bulk_get_optional_enable);

/* No node names clocks of a device: all of them are none. */
int devm_clk_bulk_get_all(struct device *dev, struct clk_bulk_data **each)
{
	*each = NULL;
	return 0;
}
EXPORT_SYMBOL(devm_clk_bulk_get_all);

int devm_clk_bulk_get_all_enabled(struct device *dev, struct clk_bulk_data **each)
{
	*each = NULL;
	return 0;
}
EXPORT_SYMBOL(devm_clk_bulk_get_all_enabled);

#define DOES(result, function, ...)                                          \
	result function(__VA_ARGS__)                                         \
	{                                                                    \
		return (result)0;                                            \
	}
DOES(int, clk_prepare, struct clk *clk)
EXPORT_SYMBOL(clk_prepare);
DOES(void, clk_unprepare, struct clk *clk)
EXPORT_SYMBOL(clk_unprepare);
DOES(int, clk_enable, struct clk *clk)
EXPORT_SYMBOL(clk_enable);
DOES(void, clk_disable, struct clk *clk)
EXPORT_SYMBOL(clk_disable);
DOES(void, clk_put, struct clk *clk)
EXPORT_SYMBOL(clk_put);
DOES(void, devm_clk_put, struct device *dev, struct clk *clk)
EXPORT_SYMBOL(devm_clk_put);
DOES(int, clk_bulk_prepare, int count, const struct clk_bulk_data *each)
EXPORT_SYMBOL(clk_bulk_prepare);
DOES(void, clk_bulk_unprepare, int count, const struct clk_bulk_data *each)
EXPORT_SYMBOL(clk_bulk_unprepare);
DOES(int, clk_bulk_enable, int count, const struct clk_bulk_data *each)
EXPORT_SYMBOL(clk_bulk_enable);
DOES(void, clk_bulk_disable, int count, const struct clk_bulk_data *each)
EXPORT_SYMBOL(clk_bulk_disable);
DOES(void, clk_bulk_put, int count, struct clk_bulk_data *each)
EXPORT_SYMBOL(clk_bulk_put);
DOES(int, clk_set_parent, struct clk *clk, struct clk *parent)
EXPORT_SYMBOL(clk_set_parent);

unsigned long clk_get_rate(struct clk *clk)
{
	return clk ? clk->rate : 0;
}
EXPORT_SYMBOL(clk_get_rate);

long clk_round_rate(struct clk *clk, unsigned long rate)
{
	return rate;
}
EXPORT_SYMBOL(clk_round_rate);

int clk_set_rate(struct clk *clk, unsigned long rate)
{
	if (clk)
		clk->rate = rate;
	return 0;
}
EXPORT_SYMBOL(clk_set_rate);
