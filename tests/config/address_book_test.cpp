// The address book's file: what it may look like, and what is said about mistakes in it.
#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>

#include "config/address_book_file.h"
#include "config/csv.h"
#include "folder.h"

namespace relais::config {
namespace {

using Strings = std::vector<std::string>;

struct Book {
  Book() {
    folder.write("relais.toml",
                 std::string("address_book = \"book.csv\"") + std::string(kGoodMain));
    folder.write("connectors/a.toml", kGoodConnector);
  }
  Book& text(std::string_view csv) {
    folder.write("book.csv", csv);
    return *this;
  }
  [[nodiscard]] std::string find(std::string_view address) const {
    const Loaded loaded = folder.load();
    EXPECT_EQ(folder.findings(), Strings{});
    return loaded.ok ? std::string(loaded.model.address_book->find(address)) : "not loaded";
  }
  Folder folder;
};

TEST(AddressBookFile, TakesBothLineEndsQuotesAndAHeading) {
  Book book;
  EXPECT_EQ(book.text("chris@contoso.com,Chris Green\n").find("Chris@Contoso.com"), "Chris Green");
  EXPECT_EQ(book.text("\xef\xbb\xbfmail,name\r\nchris@contoso.com,Chris Green\r\n\r\n")
                .find("chris@contoso.com"),
            "Chris Green");
  EXPECT_EQ(book.text("chris@contoso.com , Chris Green ").find("chris@contoso.com"), "Chris Green");
  EXPECT_EQ(
      book.text("\"chris@contoso.com\",\"Green, Chris \"\"CG\"\" \"\r\n").find("chris@contoso.com"),
      "Green, Chris \"CG\" ");
  EXPECT_EQ(book.text("zoe@contoso.com,Zo\xc3\xab").find("zoe@contoso.com"), "Zo\xc3\xab");
  EXPECT_EQ(book.text("").find("chris@contoso.com"), "");
  EXPECT_EQ(book.text("address,display name\n").find("chris@contoso.com"), "");
}

TEST(AddressBookFile, IsOptional) {
  Folder folder;
  folder.write("relais.toml", kGoodMain).write("connectors/a.toml", kGoodConnector);
  EXPECT_EQ(folder.load().model.address_book, nullptr);
}

std::string said(std::string_view csv) {
  Book book;
  std::string all;
  for (const std::string& finding : book.text(csv).folder.findings()) all += finding + "\n";
  return all;
}

TEST(AddressBookFile, NamesLineAndCureOfEveryMistake) {
  const std::string name_cure = ". Write 1 to 512 octets of text, or remove the line.\n";
  EXPECT_EQ(
      said("a@b.com,A\nchris\n"),
      "DIR/book.csv:2: 1 columns, not 2. Write address,display name, and double quotes around "
      "what holds a comma.\n");
  EXPECT_EQ(
      said("a@b.com,Green, Chris\n"),
      "DIR/book.csv:1: 3 columns, not 2. Write address,display name, and double quotes around "
      "what holds a comma.\n");
  EXPECT_EQ(said("a@b.com,A\nchris,Chris\nx@@y,X\n"),
            "DIR/book.csv:2: 'chris' is no address. Write it as chris@contoso.com.\n"
            "DIR/book.csv:3: 'x@@y' is no address. Write it as chris@contoso.com.\n");
  EXPECT_EQ(said("a@b.com,\n"), "DIR/book.csv:1: a@b.com: no display name" + name_cure);
  EXPECT_EQ(
      said("a@b.com,\"A\nB\"\nc@d.com,\"x\n"),
      "DIR/book.csv:1: a@b.com: a control character (U+000A) in the display name" + name_cure +
          "DIR/book.csv:3: a quoted field that does not end, or has something behind its end. "
          "Write address,display name, and double quotes around what holds a comma.\n");
  EXPECT_EQ(said("a@b.com,\"A\" B\n").substr(0, 39), "DIR/book.csv:1: a quoted field that doe");
  EXPECT_EQ(said("a@b.com,A\n\nc@d.com,evil\xe2\x80\xaexcod\n"),
            "DIR/book.csv:3: c@d.com: a character that changes the direction of writing (U+202E)" +
                name_cure);
  EXPECT_EQ(
      said("a@b.com,A\xc2\x85\n"),
      "DIR/book.csv:1: a@b.com: a control character (U+0085) in the display name" + name_cure);
  for (const char* bad : {"a@b.com,\xff\n", "a@b.com,\xc3\n", "a@b.com,\xc0\xaf\n",
                          "a@b.com,\xed\xa0\x80\n", "a@b.com,\xf4\x90\x80\x80\n"}) {
    EXPECT_EQ(said(bad), "DIR/book.csv:1: a@b.com: the display name is not UTF-8" + name_cure);
  }
  EXPECT_EQ(said("a@b.com," + std::string(513, 'x')),
            "DIR/book.csv:1: a@b.com: a display name of 513 octets" + name_cure);
  EXPECT_EQ(said("a@b.com,A\nA@B.com,C\n"),
            "DIR/book.csv:2: warning: A@B.com stands further up already, and keeps the name 'A'. "
            "Remove one of the two lines.\n");
}

TEST(AddressBookFile, StopsAfterAScoreOfMistakes) {
  Book book;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "x,y@\n";
  const Strings findings = book.text("a@b.com,A\n" + text).folder.findings();
  ASSERT_EQ(findings.size(), 21U);
  EXPECT_EQ(
      findings.back(),
      "DIR/book.csv:22: there is more to say about this file. Mend what is said above first.");
}

TEST(AddressBookFile, MustExist) {
  Book book;
  const Strings findings = book.folder.findings();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(
      findings[0],
      "DIR/book.csv: cannot be read: No such file or directory. address_book must name a file "
      "that exists and is readable.");
}

TEST(AddressBookFile, LoadsHalfAMillionEntriesQuickly) {
  constexpr int kEntries = 500'000;
  Folder folder;
  std::string text = "address,display name\r\n";
  for (int i = 0; i < kEntries; ++i) {
    text += "first.last" + std::to_string(i) + "@contoso.com,\"Last" + std::to_string(i) +
            ", First\"\r\n";
  }
  folder.write("book.csv", text);
  std::vector<Finding> findings;
  const std::clock_t start = std::clock();  // of this process: the machine may be busy
  const policy::AddressBook book =
      read_address_book(Place(findings, folder.path(), folder.path() + "/book.csv"));
  const auto ms = (std::clock() - start) * 1000 / CLOCKS_PER_SEC;
  std::printf("%d entries: %ld ms, %zu octets an entry\n", kEntries, static_cast<long>(ms),
              book.memory_octets() / kEntries);
  EXPECT_TRUE(findings.empty());
  EXPECT_EQ(book.size(), static_cast<size_t>(kEntries));
  EXPECT_EQ(book.find("first.last499999@contoso.com"), "Last499999, First");
  EXPECT_LT(ms, 5000);  // 600 to 900 on a busy machine; sanitizers take longer
}

}  // namespace
}  // namespace relais::config
