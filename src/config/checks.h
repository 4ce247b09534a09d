// What no single key can tell: keys against each other, sections against each other, files against
// each other.
#pragma once

#include <vector>

#include "config/drafts.h"
#include "config/place.h"

namespace relais::config {

// A connector file that could be read, and where its findings go.
struct ConnectorFile {
  ReceiveDraft draft;
  Place place;
};

void check_main(const ModelDraft& model, const Place& place);
// Also completes what the usage leaves to its preset.
void check_connector(ReceiveDraft& connector, const Place& place);
// Between connectors, once each of them has been read: names, conflicting ranges, somebody who
// listens.
void check_connectors(const std::vector<ConnectorFile>& files, const Place& folder);
// Mail must not come back: no smart host may be one of our own bindings.
void check_loops(const ModelDraft& model, const Place& main_file,
                 const std::vector<ConnectorFile>& files);

}  // namespace relais::config
