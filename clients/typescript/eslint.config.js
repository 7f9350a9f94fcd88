import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["build/", "dist/", "**/gen/"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // A promise of node:test's `test` is the runner's to await.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", name: "test", package: "node:test" }] },
      ],
      // What a caller aborts with is the caller's, whatever it is.
      "@typescript-eslint/only-throw-error": ["error", { allowThrowingUnknown: true, allowThrowingAny: false }],
      // Payload members are named by their owners, so an index signature says what they are.
      "@typescript-eslint/consistent-indexed-object-style": "off",
      // `||` stands for empty text and zero, which the wire has in the place of "unset".
      "@typescript-eslint/prefer-nullish-coalescing": "off",
    },
  },
);
