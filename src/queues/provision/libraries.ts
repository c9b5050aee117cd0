/** Shared libraries that `ldd` could not find, e.g. ["liblzf.so.1"]. */
export function missingLibraries(lddReport: string): string[] {
  return [...lddReport.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] ?? '');
}

/**
 * Packages that hold the missing libraries, by Debian's naming rule (policy 8.1: `libfoo.so.2` is in `libfoo2`,
 * `liblua5.1.so.0` in `liblua5.1-0`, a 64-bit-time build ends in `t64`, `lua5.1-cjson.so.0` is in `lua-cjson`).
 * Where one follows no rule, every library of the dependency closure is taken.
 */
export function packagesFor(missing: string[], closure: string[]): string[] {
  const byPlainName = new Map(closure.map((name) => [plain(name), name]));
  const packages = missing.map((library) => {
    const lua = /^lua[\d.]+-([a-z]+)\.so/.exec(library);
    return byPlainName.get(plain(lua === null ? library.replace('.so.', '') : `lua-${lua[1]}`));
  });
  if (packages.every((name) => name !== undefined)) return [...new Set(packages)];
  // Never another C library or a rival of systemd's: those would shadow the system's own.
  return closure.filter((name) => /^(lib|lua)/.test(name) && !/^(libc6|libc-bin|libelogind0)$/.test(name));
}

function plain(name: string): string {
  return name.replace(/t64$/, '').replaceAll('-', '');
}
