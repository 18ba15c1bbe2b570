#!/usr/bin/env python3
"""The measuring of scripts/device-sizes, on engines of a few lines. Status 77 when there is no cross compiler."""
import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts/device-sizes"
CORE = "cortex-m4"


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("device_sizes", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("device_sizes", loader))
    loader.exec_module(module)
    return module


sizes = load()


class Measuring(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="device-sizes-test."))
        self.addCleanup(shutil.rmtree, self.folder)

    def build(self, code, roots=("root",)):
        """(code, static), the defined symbols, and the call graph of an engine of one file."""
        source = self.folder / "engine.c"
        source.write_text(code)
        objects = sizes.compile_engine([source], [], CORE, (), self.folder / "out")
        linked = sizes.link_engine(objects, roots, self.folder / "linked.o")
        return sizes.section_sizes(linked), sizes.symbols(linked), sizes.read_call_graph([objects[0].with_suffix(".ci")])

    def chain(self, code):
        _, _, (frames, calls) = self.build(code)
        size, names = sizes.deepest_chain("root", frames, calls)
        return size, [sizes.short(name) for name in names]

    def test_what_no_public_function_reaches_is_not_counted(self):
        small, _, _ = self.build("int root(int x) { return x + 1; }")
        shutil.rmtree(self.folder / "out")
        with_dead, (defined, _), _ = self.build(
            "int dead(int x) { return x * x * x; } const int table[50] = {1}; int root(int x) { return x + 1; }")
        self.assertEqual(small, with_dead)
        self.assertEqual(defined, {"root", "$t"} & defined)

    def test_constants_are_code_and_variables_are_static(self):
        (code, static), _, _ = self.build(
            "const int table[100] = {1}; int counter, preset = 7;"
            "int root(int x) { return table[x] + counter++ + preset++; }")
        self.assertGreaterEqual(code, 400)
        self.assertEqual(static, 8)

    def test_what_the_engine_needs_from_outside_is_named_and_nothing_else(self):
        _, (_, needed), _ = self.build(
            "void *memcpy(void *, const void *, unsigned); void *memset(void *, int, unsigned);"
            "void root(char *to, char *from, unsigned n) { memcpy(to, from, n); }"
            "void dead(char *to, unsigned n) { memset(to, 0, n); }")
        self.assertEqual(needed, {"memcpy"})

    def test_the_deepest_chain_is_found_through_static_functions(self):
        use = "__attribute__((noinline)) static int %s(volatile int *x) { volatile int room[%d]; room[0] = *x; return room[0]%s; }"
        size, names = self.chain("\n".join([
            use % ("leaf", 100, ""), use % ("deep", 10, " + leaf(x)"), use % ("wide", 60, ""),
            "int root(volatile int *x) { return wide(x) + deep(x); }"]))
        self.assertEqual(names, ["root", "deep", "leaf"])
        self.assertGreaterEqual(size, 440)
        self.assertLess(size, 520)

    def test_recursion_is_refused(self):
        with self.assertRaisesRegex(sizes.Fault, "recursion: root > other > root"):
            self.chain("int root(int x); __attribute__((noinline)) int other(int x) { return root(x - 1) * 3; }"
                       "int root(int x) { return x == 0 ? 1 : other(x) + x; }")

    def test_stack_of_unknown_size_is_refused(self):
        with self.assertRaisesRegex(sizes.Fault, "root uses dynamic"):
            self.chain("int use(char *); int root(unsigned n) { char room[n]; return use(room); }")

    def test_a_call_through_a_pointer_must_be_named(self):
        code = ("__attribute__((noinline)) static int target(int x) { volatile int room[50]; room[0] = x; return room[0]; }"
                "int other(int); int (*const table[])(int) = {target, other}; int root(int x) { return table[x](x) + 1; }")
        with self.assertRaisesRegex(sizes.Fault, "root calls through a pointer: name what it can call"):
            self.chain(code)
        shutil.rmtree(self.folder / "out")
        self.addCleanup(sizes.INDIRECT_CALLS.clear)
        sizes.INDIRECT_CALLS["root"] = ("target",)
        self.assertEqual(self.chain(code)[1], ["root", "target"])

    def test_the_functions_of_a_header_are_those_that_it_declares(self):
        (self.folder / "x.h").write_text("/* ferry_no(1); */\n#define ferry_macro(x) (x)\ntypedef int (*ferry_type)(int);\n"
                                         "__attribute__((pure)) int ferry_one(int x);\nvoid *ferry_two(int a,\n    int ferry_b);\n")
        self.assertEqual(sizes.functions_of("x.h", ["-I", str(self.folder)]), ["ferry_one", "ferry_two"])


class Checking(unittest.TestCase):
    VERSION = "gcc 1"

    def setUp(self):
        good = {"code": 8192, "static": 0, "context": 1024, "stack": 512, "chain": [("f", 8)], "needed": ["memcpy"]}
        self.figures = {(variant, core): dict(good) for variant, _, _ in sizes.VARIANTS for core in sizes.CORES}
        self.memory = {core: [100] * len(sizes.MEMORY) for core in sizes.CORES}
        self.text = f"before\n{sizes.BEGIN}\n{self.now()}{sizes.END}\nafter\n"

    def now(self):
        return sizes.render(self.VERSION, self.figures, self.memory)

    def check(self, version=VERSION):
        return sizes.check(self.text, version, self.figures, self.memory)

    def test_a_right_document_and_kept_targets_are_silent(self):
        self.assertEqual(self.check(), (0, []))

    def test_a_wrong_figure_fails_with_both_figures_and_the_command(self):
        self.figures["upload only", "Cortex-M4"]["code"] = 4321
        status, lines = self.check()
        self.assertEqual(status, 1)
        self.assertTrue(any(line.startswith("+") and "4,321" in line for line in lines))
        self.assertTrue(any(line.startswith("-") and "8,192" in line for line in lines))
        self.assertIn("type: scripts/device-sizes --update", lines[-1])

    def test_each_missed_target_fails_also_when_the_document_is_right(self):
        for what in sizes.TARGETS:
            for core in sizes.CORES:
                self.setUp()
                self.figures[sizes.WHOLE, core][what] += 1
                self.text = f"{sizes.BEGIN}\n{self.now()}{sizes.END}"
                status, lines = self.check()
                self.assertEqual(status, 1)
                self.assertRegex(lines[-1], f"target missed: whole engine, {core.replace('+', '.')}: {what}")

    def test_a_variant_has_no_target(self):
        self.figures[sizes.WITH_HTTP, "Cortex-M4"]["code"] = 9999
        self.text = f"{sizes.BEGIN}\n{self.now()}{sizes.END}"
        self.assertEqual(self.check(), (0, []))

    def test_another_compiler_skips_the_figures_but_not_the_targets(self):
        status, lines = self.check(version="gcc 2")
        self.assertEqual(status, sizes.SKIPPED)
        self.assertIn("measured with gcc 1, this is gcc 2", lines[-1])
        self.figures[sizes.WHOLE, "Cortex-M4"]["stack"] = 513
        self.assertEqual(self.check(version="gcc 2")[0], 1)

    def test_a_document_without_markers_is_a_fault(self):
        self.text = "nothing"
        with self.assertRaises(sizes.Fault):
            self.check()


class Calling(unittest.TestCase):
    def test_without_the_cross_compiler_it_is_skipped_with_a_reason(self):
        done = subprocess.run([sys.executable, str(SCRIPT), "--check"], env={"PATH": "/nowhere"}, capture_output=True, text=True)
        self.assertEqual(done.returncode, sizes.SKIPPED)
        self.assertRegex(done.stdout, "skipped: there is no arm-none-eabi-gcc; type: scripts/install-deps test")


if __name__ == "__main__":
    if shutil.which(sizes.PREFIX + "gcc") is None:
        print(f"skipped: there is no {sizes.PREFIX}gcc")
        sys.exit(sizes.SKIPPED)
    unittest.main()
