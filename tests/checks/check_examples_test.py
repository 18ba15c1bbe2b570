#!/usr/bin/env python3
"""What scripts/check-examples finds, and what it lets pass."""
import importlib.machinery
import importlib.util
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("check_examples", str(ROOT / "scripts/check-examples"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_examples", loader))
    loader.exec_module(module)
    return module


examples = load()


class Blocks(unittest.TestCase):
    def test_every_c_block_of_a_document_is_found_and_no_other(self):
        text = "a\n```c\nint x;\n\nint y;\n```\n```\n$ ls\n```\n```json\n{}\n```\n<!-- from a/b.c -->\n```c\nz();\n```\n"
        self.assertEqual(list(examples.blocks_of_document(text.splitlines())),
                         [(3, ["int x;", "", "int y;"], None), (15, ["z();"], "a/b.c")])

    def test_an_example_in_a_comment_is_found_and_a_continued_line_is_not(self):
        text = "/**\n * @param x  long\n *           text\n *\n *     one();\n *\n *     two();\n *\n * end\n */\n"
        found = [(first, [line for line in block if line]) for first, block, _ in examples.blocks_of_header(text.splitlines())]
        self.assertEqual(found, [(5, ["one();", "two();"])])

    def test_the_public_headers_and_the_documents_have_examples(self):
        for name in ("device/include/ferry/device.h", "device/include/ferry/ferry.h", "docs/device.md", "docs/porting.md"):
            self.assertGreater(examples.check_file(ROOT / name)[0], 0, name)


class Compiling(unittest.TestCase):
    def test_statements_and_definitions_compile(self):
        self.assertEqual(examples.compile_block("x.md", 1, ["ferry_action act;", "ferry_device_next(&device, now_ms(), &act);"]), "")
        self.assertEqual(examples.compile_block("x.md", 1, ["#include <stdlib.h>", "int one(void);", "int one(void)", "{",
                                                            "    return abs(-1);", "}"]), "")

    def test_a_name_that_the_headers_do_not_have_is_found_in_its_line(self):
        said = examples.compile_block("x.md", 10, ["int x = 1;", "ferry_device_vanish(&device);"])
        self.assertIn("x.md:11:", said)
        self.assertIn("ferry_device_vanish", said)

    def test_a_wrong_argument_is_found(self):
        self.assertIn("x.md:1:", examples.compile_block("x.md", 1, ["ferry_device_next(&device, now_ms());"]))

    def test_a_status_that_must_be_looked_at_is_not_dropped(self):
        self.assertIn("unused-result", examples.compile_block("x.md", 1, ["ferry_device_upload(&device, now_ms(), NULL);"]))


class Excerpts(unittest.TestCase):
    FILE = ["int f(void)", "{", "    if (x)", "        y();", "", "    return 1;", "}"]

    def test_an_excerpt_is_found_at_any_indentation(self):
        self.assertTrue(examples.is_excerpt(["if (x)", "    y();"], self.FILE))
        self.assertTrue(examples.is_excerpt(["    if (x)", "        y();", "", "    return 1;"], self.FILE))

    def test_another_word_order_or_indentation_is_none(self):
        self.assertFalse(examples.is_excerpt(["if (x)", "y();"], self.FILE))
        self.assertFalse(examples.is_excerpt(["y();", "if (x)"], self.FILE))
        self.assertFalse(examples.is_excerpt(["if (x)", "    return 1;"], self.FILE))


class Length(unittest.TestCase):
    def test_a_port_that_grew_too_long_is_found(self):
        name = next(iter(examples.FEWER_THAN))
        length = len((ROOT / name).read_text().splitlines())
        self.assertEqual(examples.check_length(name, length + 1), [])
        self.assertEqual(len(examples.check_length(name, length)), 1)


if __name__ == "__main__":
    unittest.main()
