// Joins a fuzzer to libFuzzer. With "--seeds FOLDER" the program writes its seeds into FOLDER and
// its dictionary into FOLDER.dict, and ends.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/prng.h"
#include "fuzz/fuzzer.h"

namespace relais::fuzz {
namespace {

std::string escaped(std::string_view octets) {
  std::string text;
  for (const char c : octets) {
    char hex[5];
    std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned char>(c));
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    text += plain ? std::string(1, c) : std::string(hex);
  }
  return text;
}

void write_material(const std::filesystem::path& folder) {
  const Material all = material();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  size_t number = 0;
  for (const std::string& seed : all.seeds)
    std::ofstream(folder / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
  std::ofstream dictionary(folder.string() + ".dict");
  for (const std::string& word : all.dictionary) dictionary << '"' << escaped(word) << "\"\n";
}

}  // namespace

Input::Input(std::string_view octets) : text_(octets) {
  if (octets.size() < kChoices) return;
  choices_ = octets.substr(octets.size() - kChoices);
  text_.remove_suffix(kChoices);
}

uint8_t Input::byte() {
  if (choices_.empty()) return 0;
  const auto first = static_cast<uint8_t>(choices_.front());
  choices_.remove_prefix(1);
  return first;
}

size_t Input::below(size_t limit) {
  size_t number = byte();
  if (limit > 256) number = number << 8 | byte();
  return limit == 0 ? 0 : number % limit;
}

std::vector<size_t> Input::cuts() {
  std::vector<size_t> cuts;
  const size_t way = byte() % 4;
  if (way == 1 || way == 2) {
    const size_t step = way == 1 ? 1 : size_t{byte()} + 1;
    for (size_t at = step; at < text_.size(); at += step) cuts.push_back(at);
  } else if (way == 3) {
    for (size_t left = 4; left > 0; --left) cuts.push_back(below(text_.size() + 1));
    std::sort(cuts.begin(), cuts.end());
  }
  return cuts;
}

std::string seed(std::string_view text, std::initializer_list<uint8_t> choices) {
  std::string octets(text);
  for (const uint8_t choice : choices) octets += static_cast<char>(choice);
  octets.resize(text.size() + Input::kChoices);
  return octets;
}

void found(std::string_view property, std::string_view seen) {
  std::fprintf(stderr, "broken property: %.*s\n", static_cast<int>(property.size()),
               property.data());
  if (!seen.empty()) std::fprintf(stderr, "seen: %s\n", escaped(seen).c_str());
  std::abort();
}

void must_equal(std::string_view one, std::string_view other, std::string_view property) {
  if (one == other) return;
  const auto differ = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
  std::fprintf(stderr, "---- one (differs at %zu)\n%s\n---- the other\n%s\n",
               static_cast<size_t>(differ.first - one.begin()), escaped(one).c_str(),
               escaped(other).c_str());
  found(property);
}

Exactly::Exactly(std::string_view octets)
    : memory_(std::make_unique<char[]>(octets.size())), size_(octets.size()) {
  std::copy(octets.begin(), octets.end(), memory_.get());
}

}  // namespace relais::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3 || std::strcmp((*argv)[1], "--seeds") != 0) return 0;
  relais::fuzz::write_material((*argv)[2]);
  std::exit(0);
}

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t size_max);

// libFuzzer knows no choices: left alone it would move text into them. A third of the changes are
// to a choice, mostly to a small number; the others to the text alone.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t size_max,
                                          unsigned int number) {
  constexpr size_t kChoices = relais::fuzz::Input::kChoices;
  if (size < kChoices) return LLVMFuzzerMutate(data, size, size_max);
  relais::Prng prng(number);
  const size_t text = size - kChoices;
  if (prng.one_in(3)) {
    const size_t some = prng.one_in(4) ? kChoices : kChoices / 4;  // those in front are all used
    data[text + prng.below(some)] = static_cast<uint8_t>(prng.below(prng.one_in(3) ? 256 : 4));
    return size;
  }
  uint8_t choices[kChoices];
  std::copy_n(data + text, kChoices, choices);
  const size_t changed = LLVMFuzzerMutate(data, text, size_max - kChoices);
  std::copy_n(choices, kChoices, data + changed);
  return changed + kChoices;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  relais::fuzz::Input input({reinterpret_cast<const char*>(data), size});
  relais::fuzz::try_one(input);
  return 0;
}
