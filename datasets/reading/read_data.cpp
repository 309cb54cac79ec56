#include "lanner/datasets/reading/read_data.h"

#include <algorithm>
#include <fstream>

#include "lanner/datasets/error.h"
#include "lanner/datasets/images/image_files.h"
#include "lanner/datasets/reading/annotations.h"
#include "lanner/datasets/reading/coco.h"
#include "lanner/datasets/reading/createml.h"
#include "lanner/datasets/reading/csv.h"
#include "lanner/datasets/reading/cvat.h"
#include "lanner/datasets/reading/image_index.h"
#include "lanner/datasets/reading/label_studio.h"
#include "lanner/datasets/reading/labelme.h"
#include "lanner/datasets/reading/voc.h"
#include "lanner/datasets/reading/yolo.h"

namespace lanner::datasets {
namespace fs = std::filesystem;
namespace {

enum class JsonForm { coco, createml, label_studio, labelme, detections, other };

// The form of a JSON file, from its first bytes.
JsonForm form_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string start(1 << 16, '\0');
  in.read(start.data(), std::ssize(start));
  start.resize(static_cast<size_t>(in.gcount()));
  const auto has = [&](const char* key) {
    return start.find('"' + std::string(key) + '"') != std::string::npos;
  };
  const auto first = start.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (first == std::string::npos) return JsonForm::other;
  if (start[first] == '[') {
    if (has("coordinates") || has("imagefilename")) return JsonForm::createml;
    if (has("data") || has("original_width")) return JsonForm::label_studio;
    if (has("image_id")) return JsonForm::detections;
    if (has("image") && has("annotations")) return JsonForm::createml;
    return JsonForm::other;
  }
  for (const char* key : {"images", "annotations", "categories"})
    if (has(key)) return JsonForm::coco;
  return has("shapes") ? JsonForm::labelme : JsonForm::other;
}

std::vector<fs::path> files_in(const fs::path& folder, const char* extension) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (lower_extension(entry.path()) == extension && entry.is_regular_file())
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// Whether a file is named after the split: val.json, instances_val.json, instances_val2017.json.
bool is_named_after(const fs::path& file, const std::string& split) {
  auto stem = file.stem().string();
  while (!stem.empty() && std::isdigit(static_cast<unsigned char>(stem.back()))) stem.pop_back();
  for (const auto& name : {file.stem().string(), stem})
    if (name == split || name.ends_with("_" + split) || name.starts_with(split + "_") ||
        name.starts_with(split + "-"))
      return true;
  return false;
}

class Folder {
 public:
  Folder(const fs::path& path, const fs::path& image_root, const std::vector<Category>* known,
         Issues& issues)
      : path_(path), image_root_(image_root), known_(known), issues_(issues) {}

  // Nullopt if the folder holds no data, or not this split.
  std::optional<Dataset> read(const std::string& split) const {
    const bool voc = fs::is_directory(path_ / "Annotations");
    if (!voc)
      if (const auto files = find_yolo(path_, split))
        return to_dataset(read_yolo(*files, issues_), known_, issues_);
    if (const auto file = find_cvat(); file && split.empty())
      return finish(read_cvat(*file, issues_), path_);
    if (const auto folders = find_voc(path_, split)) return read_voc_folder(*folders, split);
    for (const auto& folder : {path_, path_ / "annotations"})
      if (auto found = read_json_files(folder, split)) return found;
    if (const auto file = choose(files_in(path_, ".csv"), split, is_annotation_csv))
      return finish(read_csv(*file, issues_), path_);
    return std::nullopt;
  }

 private:
  Dataset read_voc_folder(const VocFolders& folders, const std::string& split) const {
    auto annotations = read_voc(folders, issues_);
    if (split.empty() && !folders.list.empty())
      annotations.notes.push_back("no split is named: " + folders.list.string() + " is read");
    // With a list, the other images are those of other splits.
    if (!folders.list.empty()) return to_dataset(std::move(annotations), known_, issues_);
    const auto images = std::find_if(folders.images.begin(), folders.images.end(),
                                     [](const auto& folder) { return fs::is_directory(folder); });
    return finish(std::move(annotations), images == folders.images.end() ? path_ : *images);
  }

  // Also says how many images under `folder` have no annotation.
  Dataset finish(Annotations annotations, const fs::path& folder) const {
    std::vector<fs::path> used;
    for (const auto& annotated : annotations.images) used.push_back(annotated.image.path);
    if (const auto unused = describe_unused(folder, used); !unused.empty())
      annotations.notes.push_back(unused + " have no annotation: not used");
    return to_dataset(std::move(annotations), known_, issues_);
  }

  // annotations.xml or the only .xml file, if it is CVAT's.
  std::optional<fs::path> find_cvat() const {
    auto file = path_ / "annotations.xml";
    if (!fs::exists(file)) {
      const auto files = files_in(path_, ".xml");
      if (files.size() != 1) return std::nullopt;
      file = files[0];
    }
    return is_cvat(file) ? std::optional(file) : std::nullopt;
  }

  // The only file of the form or, with a split, the one that is named after it.
  template <typename IsOfForm>
  static std::optional<fs::path> choose(std::vector<fs::path> files, const std::string& split,
                                        const IsOfForm& is_of_form) {
    if (!split.empty())
      std::erase_if(files, [&](const auto& file) { return !is_named_after(file, split); });
    std::erase_if(files, [&](const auto& file) { return !is_of_form(file); });
    // COCO has annotations of several kinds for each split.
    if (files.size() > 1)
      if (const auto instances = std::find_if(
              files.begin(), files.end(),
              [](const auto& file) { return file.filename().string().starts_with("instances"); });
          !split.empty() && instances != files.end())
        return *instances;
    if (files.size() > 1 && !split.empty())
      throw bad_data(files[0].string() + ": split: " + files[1].string() +
                     " is also named after \"" + split + "\"; name the file instead");
    return files.size() == 1 ? std::optional(files[0]) : std::nullopt;
  }

  std::optional<Dataset> read_json_files(const fs::path& folder, const std::string& split) const {
    const auto files = files_in(folder, ".json");
    if (files.empty()) return std::nullopt;
    if (split.empty() && std::any_of(files.begin(), files.end(), [](const auto& file) {
          return form_of(file) == JsonForm::labelme;
        }))
      return finish(read_labelme(folder, issues_), path_);
    const auto is = [](JsonForm form) {
      return [form](const fs::path& file) { return form_of(file) == form; };
    };
    if (const auto file = choose(files, split, is(JsonForm::coco)))
      return to_dataset(read_coco(*file, issues_), *file, image_root_, known_, issues_);
    if (const auto file = choose(files, split, is(JsonForm::createml)))
      return finish(read_createml(*file, issues_), path_);
    if (const auto file = choose(files, split, is(JsonForm::label_studio)))
      return finish(read_label_studio(*file, issues_), path_);
    return std::nullopt;
  }

  const fs::path& path_;
  const fs::path& image_root_;
  const std::vector<Category>* known_;
  Issues& issues_;
};

// Other names of a split, the given one first.
std::vector<std::string> names_of(const std::string& split) {
  std::vector<std::string> names{split};
  const std::vector<std::string> validation{"val", "valid", "validation"};
  if (std::find(validation.begin(), validation.end(), split) != validation.end())
    for (const auto& name : validation)
      if (name != split) names.push_back(name);
  return names;
}

std::optional<Dataset> read_split(const fs::path& path, const std::string& split,
                                  const fs::path& image_root, const std::vector<Category>* known,
                                  Issues& issues) {
  for (const auto& name : names_of(split)) {
    if (auto dataset = Folder(path, image_root, known, issues).read(name)) return dataset;
    const auto inner = path / name;
    if (!name.empty() && fs::is_directory(inner))
      if (auto dataset = Folder(inner, image_root, known, issues).read("")) return dataset;
  }
  return std::nullopt;
}

Dataset read_file(const fs::path& file, const std::string& split, const fs::path& image_root,
                  const std::vector<Category>* known, Issues& issues) {
  const auto extension = lower_extension(file);
  if (extension == ".yaml" || extension == ".yml" || extension == ".data") {
    for (const auto& name : names_of(split))
      if (const auto files = find_yolo(file, name))
        return to_dataset(read_yolo(*files, issues), known, issues);
    throw NoSuchSplit(ExitCode::missing_file,
                      file.string() + ": " + (split.empty() ? "train" : split) + ": no such split");
  }
  if (!split.empty())
    throw NoSuchSplit(ExitCode::usage,
                      file.string() + ": this file has no splits, got \":" + split + "\"");
  if (extension == ".csv") return to_dataset(read_csv(file, issues), known, issues);
  if (extension == ".xml") return to_dataset(read_cvat(file, issues), known, issues);
  switch (form_of(file)) {
    case JsonForm::createml:
      return to_dataset(read_createml(file, issues), known, issues);
    case JsonForm::label_studio:
      return to_dataset(read_label_studio(file, issues), known, issues);
    case JsonForm::labelme:
      throw usage_error(file.string() + ": one image of labelme; name its folder");
    case JsonForm::detections:
      throw bad_data(file.string() +
                     ": JSON: these are detections (COCO results), not annotations");
    default:
      return to_dataset(read_coco(file, issues), file, image_root, known, issues);
  }
}

}  // namespace

bool is_coco_file(const fs::path& file) {
  return lower_extension(file) == ".json" && form_of(file) == JsonForm::coco;
}

Dataset read_data(const fs::path& path, const std::string& split, const fs::path& image_root,
                  const std::vector<Category>* known, Issues& issues) {
  if (!fs::is_directory(path)) return read_file(path, split, image_root, known, issues);
  auto dataset = read_split(path, split, image_root, known, issues);
  if (!dataset && split.empty()) {
    dataset = read_split(path, "train", image_root, known, issues);
    if (dataset) dataset->notes.push_back("no split is named: \"train\" is read");
  }
  if (dataset) {
    const auto others = describe_files(path, FileKinds::neither_images_nor_annotations);
    if (!others.empty())
      dataset->notes.push_back("neither images nor annotations, so not read: " + others);
    return *dataset;
  }
  const auto folder = split.empty() || !fs::is_directory(path / split) ? path : path / split;
  if (fs::is_directory(path / "Annotations") && !split.empty())
    throw NoSuchSplit(
        ExitCode::missing_file,
        (path / "ImageSets" / "Main" / (split + ".txt")).string() + ": no such split");
  const auto found = describe_files(folder, FileKinds::all);
  throw NoSuchSplit(
      ExitCode::missing_file,
      (split.empty() ? path : path / split).string() +
          ": no annotations: expected a COCO .json file, a VOC folder (JPEGImages, "
          "Annotations, ImageSets/Main), .xml files beside their images, a YOLO folder "
          "(images, labels, data.yaml), or a file of CreateML, labelme, CVAT, Label "
          "Studio, TensorFlow or Open Images; found " +
          (found.empty() ? "no files" : found) + " under " + folder.string());
}

}  // namespace lanner::datasets
