#include "load/content.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace relais::load {
namespace {

namespace fs = std::filesystem;

ContentOptions options(Form form) {
  return {.form = form, .seed = 3, .sender = "a@example.com", .recipients = {"b@example.com"}};
}

std::string undotted(std::string wire) {
  EXPECT_TRUE(wire.ends_with("\r\n.\r\n") || wire == ".\r\n");
  wire.resize(wire.size() - 3);
  if (wire.starts_with('.')) wire.erase(0, 1);
  for (size_t at = 0; (at = wire.find("\r\n.", at)) != std::string::npos; ++at)
    wire.erase(at + 2, 1);
  return wire;
}

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("relais-corpus-" + std::to_string(getpid()))) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
  }
  fs::path path;
};

TEST(Content, MakesMessagesOfExactlyTheSize) {
  for (const char* sizes : {"500", "1k", "10k", "300k"}) {
    const auto mix = SizeMix::parse(sizes);
    auto content = Content::generate(*mix, options(Form::kRaw));
    ASSERT_TRUE(content) << content.error();
    Prng random(1);
    for (const uint64_t number : {uint64_t{0}, uint64_t{17}, uint64_t{1} << 60}) {
      const Body& body = (*content)->draw(random);
      std::string header;
      (*content)->write_header(header, body, number, WallTime{1'000'000'000'000'000'000});
      EXPECT_EQ(header.size() + body.bytes.size(), mix->classes()[0].octets);
      EXPECT_EQ(body.sum.octets, body.bytes.size());
      EXPECT_TRUE(header.ends_with("\r\n\r\n"));
      EXPECT_TRUE(body.bytes.ends_with("\r\n"));
      EXPECT_EQ(body.bytes.find("\r\r"), std::string::npos);
      const auto mark = ledger::parse_mark(header.substr(0, header.find("\r\n")));
      ASSERT_TRUE(mark) << header;
      EXPECT_EQ(mark->number, number);
      EXPECT_EQ(mark->body, ledger::sum_of_body(body.bytes));
    }
  }
}

TEST(Content, GoesOverTheWireDottedAndComesBackTheSame) {
  const auto mix = SizeMix::parse("200k");
  auto raw = Content::generate(*mix, options(Form::kRaw));
  auto wire = Content::generate(*mix, options(Form::kDotted));
  Prng a(1);
  Prng b(1);
  const Body& plain = (*raw)->draw(a);
  const Body& dots = (*wire)->draw(b);
  EXPECT_NE(plain.bytes.find("\r\n."), std::string::npos) << "nothing to stuff";
  EXPECT_EQ(undotted(dots.bytes), plain.bytes);
  EXPECT_EQ(dots.sum, plain.sum);
}

TEST(Content, DotsWhatBeginsWithADot) {
  EXPECT_EQ(dotted(""), ".\r\n");
  EXPECT_EQ(dotted(".\r\n"), "..\r\n.\r\n");
  EXPECT_EQ(dotted("a\r\n.b\r\n..\r\nc.\r\n"), "a\r\n..b\r\n...\r\nc.\r\n.\r\n");
  EXPECT_EQ(dotted("no end"), "no end\r\n.\r\n");
}

TEST(Content, MakesLineEndsWhole) {
  EXPECT_EQ(with_crlf("a\nb\r\nc\rd"), "a\r\nb\r\nc\r\nd\r\n");
  EXPECT_EQ(with_crlf("\n\n"), "\r\n\r\n");
}

TEST(Content, HasNoRoomForTheMarkInTooSmallASize) {
  const auto content = Content::generate(*SizeMix::parse("100"), options(Form::kDotted));
  ASSERT_FALSE(content);
  EXPECT_NE(content.error().find("size 100 has no room for the header"), std::string::npos);
}

TEST(Content, ReadsACorpusWithItsHeaders) {
  const Folder folder;
  folder.write("1.eml", "Subject: hello\nX-A: b\n\nfirst line\n.dotted\n");
  folder.write("2.txt", "no header at all\n\x80\n");
  folder.write("3.eml", "Subject: no body\n");
  auto content = Content::read_corpus(folder.path.string(), options(Form::kRaw));
  ASSERT_TRUE(content) << content.error();
  ASSERT_EQ((*content)->bodies(), 3U);
  Prng random(1);
  std::string seen;
  for (int i = 0; i < 50; ++i) {
    const Body& body = (*content)->draw(random);
    std::string header;
    (*content)->write_header(header, body, 1, {});
    EXPECT_TRUE(header.starts_with(ledger::kMarkField));
    EXPECT_EQ(body.sum, ledger::sum_of_body(body.bytes));
    if (header.find("Subject: hello\r\nX-A: b\r\n\r\n") != std::string::npos) {
      EXPECT_EQ(body.bytes, "first line\r\n.dotted\r\n");
      seen += 'h';
    } else if (header.find("Subject: no body\r\n\r\n") != std::string::npos) {
      EXPECT_EQ(body.bytes, "");
      seen += 'n';
    } else {
      EXPECT_EQ(body.bytes, "no header at all\r\n\x80\r\n");
      EXPECT_TRUE(body.eight_bit);
      seen += 't';
    }
  }
  for (const char kind : {'h', 'n', 't'}) EXPECT_NE(seen.find(kind), std::string::npos) << kind;
}

TEST(Content, SaysWhatIsWrongWithACorpus) {
  const Folder folder;
  EXPECT_NE(Content::read_corpus("/nonexistent", options(Form::kRaw)).error().find("No such file"),
            std::string::npos);
  EXPECT_NE(Content::read_corpus(folder.path.string(), options(Form::kRaw)).error().find("no file"),
            std::string::npos);
  folder.write("empty", "");
  EXPECT_NE(Content::read_corpus(folder.path.string(), options(Form::kRaw)).error().find("empty"),
            std::string::npos);
}

}  // namespace
}  // namespace relais::load
