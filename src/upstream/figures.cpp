#include "upstream/figures.h"

#include <algorithm>

namespace relais::upstream {

void add_to(std::vector<HostFigures>& all, const HostFigures& more) {
  const auto place = std::ranges::lower_bound(all, more.name, {}, &HostFigures::name);
  if (place != all.end() && place->name == more.name)
    place->add(more);
  else
    all.insert(place, more);
}

}  // namespace relais::upstream
