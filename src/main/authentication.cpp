#include "main/authentication.h"

#include <algorithm>

#include "admin/notices.h"
#include "auth/dovecot_client.h"
#include "auth/password_authenticator.h"

namespace relais {
namespace {

void tell(const std::string& what) { admin::notice("{}", what); }

}  // namespace

std::shared_ptr<auth::Authenticator> Authentication::load(const config::AuthSettings& settings,
                                                          size_t cores) {
  // The file itself is watched by whoever verifies against it.
  if (authenticator_ != nullptr && settings == settings_) return authenticator_;
  std::shared_ptr<auth::Authenticator> fresh;
  if (!settings.dovecot_socket.empty()) {
    fresh = std::make_shared<auth::DovecotClient>(settings.dovecot_socket, tell);
  } else if (!settings.password_file.empty()) {
    auto file = auth::PasswordFile::read(settings.password_file);
    if (!file) {
      admin::notice("{}: {}", settings.password_file, file.error().front().what);
      return authenticator_;
    }
    const auto threads = static_cast<uint32_t>(std::max<size_t>(1, cores / 2));
    fresh = std::make_shared<auth::PasswordAuthenticator>(settings.password_file, std::move(*file),
                                                          threads, tell);
  }
  settings_ = settings;
  return authenticator_ = std::move(fresh);
}

}  // namespace relais
