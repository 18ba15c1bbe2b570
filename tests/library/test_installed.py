"""The library as it is installed: a project outside the tree finds it, builds against it and sends a file."""
import os
import pathlib
import re
import subprocess

import pytest
from environment import INHERITED
from ferry import PATIENCE, SANITIZED, SOURCE_DIR, build_dir

OUTSIDE = pathlib.Path(__file__).with_name("outside")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
SANITIZE = ["-fsanitize=address,undefined"] if SANITIZED else []
HEADERS = sorted(path.relative_to(SOURCE_DIR / "device/include").as_posix()
                 for path in (SOURCE_DIR / "device/include/ferry").glob("*.h"))
WIRE = sorted(f"ferry/proto/{path.name}" for path in (SOURCE_DIR / "proto/include/proto").glob("*.h"))


def run(*command, env=None, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120 * PATIENCE,
                          env={**INHERITED, **(env or {})}, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An installation in a folder that the build knows nothing of."""
    prefix = tmp_path_factory.mktemp("installed") / "opt"
    run("cmake", "--install", build_dir(), "--prefix", prefix, "--component", "library")
    return prefix


def pkg_config(prefix, *args, package="ferry"):
    return run("pkg-config", *args, package, env={"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}).split()


def libraries(program, prefix):
    return run("ldd", program, env={"LD_LIBRARY_PATH": str(prefix / "lib")})


@pytest.fixture
def send(platform, product, tmp_path):
    """send(program, prefix): runs a program of the outside project; the file must be on the platform afterwards."""
    def send(program, prefix):
        credential = platform.new_device(product)
        file = tmp_path / "a.bin"
        file.write_bytes(os.urandom(2_000_000))
        said = run(program, f"mqtt://127.0.0.1:{platform.mqtt_port}", credential.product, credential.device,
                   credential.secret, file, env={"LD_LIBRARY_PATH": str(prefix / "lib")})
        assert said == "0.1.0 success\n"
        (row,) = platform.api.uploads(credential.product, credential.device)
        assert (row["name"], row["state"]) == ("a.bin", "done")
        assert platform.api.upload_bytes(row["id"]) == file.read_bytes()

    return send


# --- what is there ----------------------------------------------------------------------------------


def test_headers_libraries_and_package_files_are_installed_and_nothing_else(prefix):
    found = {path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if not path.is_dir()}
    cmake = {path for path in found if re.fullmatch(r"lib/cmake/Ferry/Ferry(Static)?Targets-\w+\.cmake", path)}
    assert len(cmake) == 2
    assert found - cmake == {
        *(f"include/{header}" for header in HEADERS + WIRE),
        "lib/libferry.a", "lib/libferry_engine.a", "lib/libferry.so", "lib/libferry.so.0.1", "lib/libferry.so.0.1.0",
        "lib/pkgconfig/ferry.pc", "lib/pkgconfig/ferry-engine.pc",
        "lib/cmake/Ferry/FerryConfig.cmake", "lib/cmake/Ferry/FerryConfigVersion.cmake",
        "lib/cmake/Ferry/FerryTargets.cmake", "lib/cmake/Ferry/FerryStaticTargets.cmake"}


def test_no_installed_file_names_a_folder_of_the_build(prefix):
    for path in prefix.rglob("*"):
        if path.suffix in (".cmake", ".pc", ".h"):
            text = path.read_text()
            assert str(SOURCE_DIR) not in text and str(build_dir()) not in text, path


def test_a_whole_installation_goes_below_destdir_and_its_library_can_be_used_there(tmp_path, send):
    run("cmake", "--install", build_dir(), env={"DESTDIR": str(tmp_path / "root")})
    (pc,) = (tmp_path / "root").rglob("ferry.pc")
    there = pc.parents[2]
    for program in ("ferryd", "ferry", "ferryctl"):
        assert (there / "bin" / program).is_file()
    flags = pkg_config(there, "--cflags", "--libs")
    run("cc", OUTSIDE / "send.c", "-o", tmp_path / "send", *flags, *SANITIZE)
    send(tmp_path / "send", there)


# --- pkg-config -------------------------------------------------------------------------------------


def test_a_program_links_the_shared_library_with_pkg_config(prefix, tmp_path, send):
    program = tmp_path / "send"
    run("cc", "-std=c99", *STRICT, OUTSIDE / "send.c", "-o", program, *pkg_config(prefix, "--cflags", "--libs"),
        *SANITIZE)
    assert f"libferry.so.0.1 => {prefix}" in libraries(program, prefix)
    send(program, prefix)


def test_a_program_links_the_archive_with_pkg_config(prefix, tmp_path, send):
    program = tmp_path / "send"
    flags = ["-l:libferry.a" if flag == "-lferry" else flag
             for flag in pkg_config(prefix, "--static", "--cflags", "--libs")]
    run("cc", "-std=c99", *STRICT, OUTSIDE / "send.c", "-o", program, *flags, *SANITIZE)
    assert "libferry" not in libraries(program, prefix)
    send(program, prefix)


def test_the_engine_needs_no_other_library(prefix, tmp_path):
    flags = pkg_config(prefix, "--cflags", "--libs", package="ferry-engine")
    run("cc", "-std=c99", *STRICT, OUTSIDE / "engine.c", "-o", tmp_path / "engine", *flags, *SANITIZE)
    run(tmp_path / "engine")
    if not SANITIZED:
        assert re.findall(r"^\s*(lib\w+)\.so", libraries(tmp_path / "engine", prefix), re.M) == ["libc"]


def test_pkg_config_tells_the_version(prefix):
    assert pkg_config(prefix, "--modversion") == ["0.1.0"]


# --- CMake ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cmake_build(prefix, tmp_path_factory):
    build = tmp_path_factory.mktemp("outside")
    flags = " ".join(SANITIZE)
    run("cmake", "-S", OUTSIDE, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_FLAGS={flags}",
        f"-DCMAKE_CXX_FLAGS={flags}")
    run("cmake", "--build", build, "--parallel", "2")
    return build


@pytest.mark.parametrize("program", ["send_shared", "send_static", "send_cpp"])
def test_a_program_of_a_cmake_project_sends_a_file(cmake_build, prefix, send, program):
    assert ("libferry.so.0.1" in libraries(cmake_build / program, prefix)) == (program != "send_static")
    send(cmake_build / program, prefix)


def test_the_engine_is_a_target_of_its_own(cmake_build):
    assert run(cmake_build / "engine") == "2 200\n"


@pytest.mark.parametrize("version, fits", [("0.1", True), ("0.1.0", True), ("0.1.1", False), ("0.2", False),
                                           ("0.0", False), ("1.0", False)])
def test_cmake_accepts_the_version_that_is_compatible_and_no_other(prefix, tmp_path, version, fits):
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.16)\nproject(p LANGUAGES C)\nfind_package(Ferry {version} REQUIRED)\n")
    done = subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}"],
                          capture_output=True, text=True)
    assert (done.returncode == 0) == fits, done.stderr


# --- headers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiler, standard", [("cc", "c99"), ("cc", "c17"), ("g++", "c++11"), ("g++", "c++20")])
@pytest.mark.parametrize("header", HEADERS + WIRE)
def test_every_installed_header_stands_alone(prefix, header, compiler, standard):
    language = "c++" if compiler == "g++" else "c"
    run(compiler, f"-std={standard}", *STRICT, "-fsyntax-only", "-x", language, "-I", prefix / "include", "-",
        input=f"#include <{header}>\n")
