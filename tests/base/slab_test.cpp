#include "base/slab.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/prng.h"

namespace relais {
namespace {

struct Counted {
  explicit Counted(int& count, int number = 0) : living(count), value(number) { ++living; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --living; }
  int& living;
  int value;
};

TEST(Slab, gives_out_its_capacity_and_then_nothing) {
  int living = 0;
  Slab<Counted> slab(3);
  std::vector<Counted*> objects;
  for (int i = 0; i < 3; ++i) objects.push_back(slab.acquire(living, i));
  EXPECT_TRUE(slab.full());
  EXPECT_EQ(slab.acquire(living), nullptr);
  EXPECT_EQ(living, 3);
  slab.release(objects[1]);
  EXPECT_FALSE(slab.full());
  EXPECT_EQ(slab.acquire(living, 9), objects[1]);
}

TEST(Slab, a_handle_outlives_its_object_and_knows_it) {
  int living = 0;
  Slab<Counted> slab(2);
  Counted* first = slab.acquire(living, 1);
  const Handle old = slab.handle_of(first);
  EXPECT_EQ(slab.get(old), first);
  slab.release(first);
  EXPECT_EQ(slab.get(old), nullptr);
  Counted* second = slab.acquire(living, 2);
  EXPECT_EQ(second, first);
  EXPECT_EQ(slab.get(old), nullptr);
  EXPECT_EQ(slab.handle_of(second).slot, old.slot);
  EXPECT_NE(slab.handle_of(second).generation, old.generation);
}

TEST(Slab, handles_of_nobody_find_nobody) {
  Slab<int> slab(4);
  EXPECT_TRUE(Handle{}.is_null());
  EXPECT_EQ(slab.get({}), nullptr);
  EXPECT_EQ(slab.get({2, 0}), nullptr);
  EXPECT_EQ(slab.get({99, 1}), nullptr);
}

TEST(Slab, destroys_what_is_left) {
  int living = 0;
  {
    Slab<Counted> slab(8);
    for (int i = 0; i < 5; ++i) ASSERT_NE(slab.acquire(living), nullptr);
    EXPECT_EQ(living, 5);
  }
  EXPECT_EQ(living, 0);
}

TEST(Slab, a_visit_may_release_the_one_it_is_given) {
  int living = 0;
  Slab<Counted> slab(8);
  for (int i = 0; i < 8; ++i) ASSERT_NE(slab.acquire(living, i), nullptr);
  slab.for_each([&](Counted& object) {
    if (object.value % 2 == 0) slab.release(&object);
  });
  EXPECT_EQ(slab.size(), 4U);
  int sum = 0;
  slab.for_each([&](Counted& object) { sum += object.value; });
  EXPECT_EQ(sum, 1 + 3 + 5 + 7);
}

TEST(Slab, follows_a_map_through_random_use) {
  Prng prng(1);
  int living = 0;
  Slab<Counted> slab(50);
  std::map<int, Handle> model;
  std::vector<Handle> gone;
  for (int i = 0; i < 20'000; ++i) {
    if (prng.one_in(2)) {
      Counted* object = slab.acquire(living, i);
      ASSERT_EQ(object == nullptr, model.size() == 50);
      if (object != nullptr) model[i] = slab.handle_of(object);
    } else if (!model.empty()) {
      auto it = model.begin();
      std::advance(it, static_cast<ptrdiff_t>(prng.below(model.size())));
      ASSERT_EQ(slab.get(it->second)->value, it->first);
      slab.release(slab.get(it->second));
      gone.push_back(it->second);
      model.erase(it);
    }
    ASSERT_EQ(slab.size(), model.size());
    ASSERT_EQ(living, static_cast<int>(model.size()));
  }
  for (const Handle handle : gone) EXPECT_EQ(slab.get(handle), nullptr);
}

TEST(Slab, keeps_the_alignment_of_its_type) {
  struct alignas(256) Wide {
    char text[300];
  };
  Slab<Wide> slab(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reinterpret_cast<uintptr_t>(slab.acquire()) % 256, 0U);
}

TEST(SlabDeathTest, releasing_twice_aborts) {
  Slab<int> slab(2);
  int* object = slab.acquire(1);
  slab.release(object);
  EXPECT_DEATH(slab.release(object), "slot.live");
}

}  // namespace
}  // namespace relais
