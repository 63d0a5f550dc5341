/* A wireless function with what its driver keeps in it; nothing is sent or received. */
#include <linux/slab.h>
#include <net/mac80211.h>
#include <dmalab/lab.h>

struct lab_wiphy {
	struct wiphy wiphy;
	u8 priv[] __aligned(32);
};

struct wiphy *wiphy_new_nm(const struct cfg80211_ops *ops, int bytes, const char *name)
{
	struct lab_wiphy *made = kzalloc(sizeof(*made) + bytes, GFP_KERNEL);

	return made ? &made->wiphy : NULL;
}
EXPORT_SYMBOL(wiphy_new_nm);

void wiphy_free(struct wiphy *wiphy)
{
	kfree(container_of(wiphy, struct lab_wiphy, wiphy));
}
EXPORT_SYMBOL(wiphy_free);

struct ieee80211_hw *ieee80211_alloc_hw_nm(size_t bytes, const struct ieee80211_ops *ops,
					   const char *name)
{
	size_t own = ALIGN(sizeof(struct ieee80211_hw), 32);
	struct wiphy *wiphy = wiphy_new_nm(NULL, own + bytes, name);
	struct ieee80211_hw *hw;

	if (!wiphy)
		return NULL;
	hw = wiphy_priv(wiphy);
	hw->wiphy = wiphy;
	hw->priv = (void *)hw + own;
	return hw;
}
EXPORT_SYMBOL(ieee80211_alloc_hw_nm);

void ieee80211_free_hw(struct ieee80211_hw *hw)
{
	wiphy_free(hw->wiphy);
}
EXPORT_SYMBOL(ieee80211_free_hw);
