#include "lanner/datasets/check.h"

#include "tests/catch.h"
#include "tests/datasets/make_data.h"

using namespace lanner::datasets;
using namespace lanner::tests;

TEST_CASE("check_data finds faults of annotations and images, and counts") {
  const TemporaryFolder folder;
  write_voc_folder(folder.path,
                   voc_object("cat", "1", "1", "9", "9") + voc_object("cat", "5", "5", "5", "9"));
  CHECK(check_data({folder.path.string(), {}, folder.path / "show"}).usable());
  CHECK(fs::exists(folder.path / "show/contact_sheet.png"));
  write(folder.path / "JPEGImages/a.jpg", "not an image");
  const auto report = check_data({folder.path.string(), {}, {}});
  CHECK(report.images == 1);
  CHECK(report.objects_of.at("cat") == 1);
  CHECK_FALSE(report.usable());
  CHECK_THAT(to_text(report), ContainsSubstring("2 faults"));
  CHECK_THAT(to_text(report), ContainsSubstring("a.jpg: image: not an image"));
  CHECK_THAT(to_text(report), ContainsSubstring("will be dropped"));
}

TEST_CASE("check_data finds BCCD's two boxes without area, and nothing else") {
  const auto data = shared_data("bccd");
  if (!data) return;
  size_t faults = 0;
  for (const std::string split : {"train", "val", "test"}) {
    const auto report = check_data({data->string() + ":" + split, {}, {}});
    CHECK(report.usable());
    for (const auto& fault : report.faults)
      CHECK_THAT(fault.message, ContainsSubstring("a box without area"));
    faults += report.faults.size();
  }
  CHECK(faults == 2);
}
