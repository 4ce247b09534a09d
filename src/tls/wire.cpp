#include "tls/wire.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "tls/openssl.h"
#include "tls/record_secrets.h"

namespace relais::tls {
namespace {

int read_wire(BIO* bio, char* into, size_t size, size_t* read) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t octets = std::min(size, wire.input.size());
  *read = octets;
  if (octets == 0) {
    wire.starved = true;
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(into, wire.input.data(), octets);
  if (wire.secrets != nullptr) wire.secrets->on_input(wire.input.substr(0, octets));
  wire.input.remove_prefix(octets);
  return 1;
}

int write_wire(BIO* bio, const char* bytes, size_t size, size_t* written) {
  auto& wire = *static_cast<Wire*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *written = 0;
  if (!wire.writing) {
    if (wire.output.empty()) wire.unasked = 0;
    wire.unasked += size;
    if (wire.unasked > Wire::kUnaskedMax) return 0;
  }
  wire.output.append(bytes, size);
  if (wire.secrets != nullptr) wire.secrets->on_output({bytes, size});
  *written = size;
  return 1;
}

long control_wire(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

const BIO_METHOD* wire_method() {
  // One for the process, never freed: streams on other threads may end after main().
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "relais wire");
    ASSERT(made != nullptr);
    BIO_meth_set_read_ex(made, read_wire);
    BIO_meth_set_write_ex(made, write_wire);
    BIO_meth_set_ctrl(made, control_wire);
    return made;
  }();
  return method;
}

}  // namespace

bio_st* Wire::make_bio() {
  BIO* bio = BIO_new(wire_method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace relais::tls
