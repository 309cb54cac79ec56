#pragma once

// Exports a symbol to other libraries; all others are hidden (-fvisibility=hidden).
#define LANNER_API __attribute__((visibility("default")))
