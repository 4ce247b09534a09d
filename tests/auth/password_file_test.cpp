#include "auth/password_file.h"

#include <crypt.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <fstream>

#include "auth/password_hash.h"

namespace relais::auth {
namespace {

std::string crypt_with(const char* setting, const char* password) {
  crypt_data data{};
  return crypt_r(password, setting, &data);
}

std::vector<std::string> problems_of(std::string_view text) {
  const auto file = PasswordFile::parse(text);
  std::vector<std::string> found;
  if (file) return found;
  for (const FileProblem& problem : file.error()) {
    EXPECT_FALSE(problem.cure.empty());
    found.push_back(std::to_string(problem.line) + ": " + problem.what);
  }
  return found;
}

TEST(password_hash, a_made_one_verifies_its_password_and_no_other) {
  const std::string hash = make_hash("s3cret");
  EXPECT_TRUE(hash.starts_with("$y$")) << hash;
  EXPECT_EQ(problem_of(hash), "");
  EXPECT_TRUE(verify(hash, "s3cret"));
  EXPECT_FALSE(verify(hash, "s3creT"));
  EXPECT_FALSE(verify(hash, ""));
  EXPECT_NE(make_hash("s3cret"), hash);  // another salt
}

TEST(password_hash, knows_what_other_programs_write) {
  for (const char* setting : {"$6$saltsalt$", "$2b$05$abcdefghijklmnopqrstuu"}) {
    const std::string hash = crypt_with(setting, "secret");
    EXPECT_EQ(problem_of(hash), "") << hash;
    EXPECT_TRUE(verify(hash, "secret")) << hash;
    EXPECT_FALSE(verify(hash, "wrong")) << hash;
  }
}

TEST(password_hash, weak_damaged_and_unknown_ones_verify_nothing) {
  const std::pair<std::string, std::string> rows[] = {
      {"$1$salt$qJH7.N4xYta3aEG/dfqo/0", "a hash of the kind MD5, which is too weak"},
      {"$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1",
       "a hash of the kind SHA-256, which is too weak"},
      {make_hash("secret").substr(0, 60), "a damaged hash"},
      {"$6$", "a damaged hash"},
      {crypt_with("$6$rounds=5000$saltsalt$", "secret").replace(10, 4, "9999999"),
       "a hash that takes too long to verify"},
      {crypt_with("$2b$05$abcdefghijklmnopqrstuu", "secret").replace(4, 2, "31"),
       "a hash that takes too long to verify"},
      {make_hash("secret").replace(4, 1, "F"), "a hash that takes too long to verify"},
      {"secret", "no hash that is known here ($y$, $2b$ or $6$)"},
      {"", "no hash that is known here ($y$, $2b$ or $6$)"},
      {"*", "no hash that is known here ($y$, $2b$ or $6$)"}};
  for (const auto& [hash, problem] : rows) {
    EXPECT_EQ(problem_of(hash), problem) << hash;
    EXPECT_FALSE(verify(hash, "secret")) << hash;
    EXPECT_FALSE(verify(hash, hash)) << hash;
  }
}

TEST(password_file, has_users_comments_and_further_fields) {
  const std::string hash = make_hash("secret");
  const auto file = PasswordFile::parse("# printers\n\nkate:" + hash + "\r\nprinter 1:" + hash +
                                        ":19000:0:99999:7:::\n");
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->users(), (std::vector<std::string>{"kate", "printer 1"}));
  EXPECT_EQ(*file->hash_of("kate"), hash);
  EXPECT_EQ(*file->hash_of("printer 1"), hash);
  EXPECT_EQ(file->hash_of("Kate"), nullptr);
  EXPECT_EQ(file->hash_of(""), nullptr);
  EXPECT_EQ(file->decoy(), hash);
}

TEST(password_file, without_users_has_a_decoy_all_the_same) {
  const auto file = PasswordFile::parse("");
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(problem_of(file->decoy()), "");
}

TEST(password_file, names_every_line_that_is_wrong) {
  const std::string hash = make_hash("secret");
  EXPECT_EQ(
      problems_of("kate\n:" + hash + "\nann:plain\nbob:" + hash + "\nbob:" + hash + "\n"),
      (std::vector<std::string>{"1: no ':' between a name and a hash", "2: a name may not be empty",
                                "3: user 'ann': no hash that is known here ($y$, $2b$ or $6$)",
                                "5: user 'bob' is there twice"}));
}

TEST(password_file, that_everybody_can_read_or_change_is_refused) {
  const std::string path = testing::TempDir() + "users";
  std::ofstream(path) << "kate:" << make_hash("secret") << '\n';
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_TRUE(PasswordFile::read(path).has_value());
  for (const auto& [mode, what] :
       {std::pair{0644, "read"}, std::pair{0602, "change"}, std::pair{0666, "read and change"}}) {
    ASSERT_EQ(chmod(path.c_str(), static_cast<mode_t>(mode)), 0);
    const auto refused = PasswordFile::read(path);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().front().what,
              "every user of this machine can " + std::string(what) + " it");
    EXPECT_EQ(refused.error().front().cure, "Run `chmod 640 " + path + "`");
  }
  std::remove(path.c_str());
  EXPECT_EQ(PasswordFile::read(path).error().front().what,
            "cannot be read: No such file or directory");
  EXPECT_EQ(PasswordFile::read(testing::TempDir()).error().front().what, "is no regular file");
}

TEST(password_file, a_change_of_one_user_leaves_the_rest_as_it_is) {
  EXPECT_EQ(with_user("", "kate", "H"), "kate:H\n");
  EXPECT_EQ(with_user("# c\nann:A\nkate:B:x\nbob:C", "kate", "H"), "# c\nann:A\nkate:H\nbob:C\n");
  EXPECT_EQ(with_user("ann:A", "kate", "H"), "ann:A\nkate:H\n");
  EXPECT_EQ(with_user("ann:A\nkate:B\n", "kate", ""), "ann:A\n");
  EXPECT_EQ(with_user("#kate:B\n", "kate", ""), "#kate:B\n");
}

}  // namespace
}  // namespace relais::auth
