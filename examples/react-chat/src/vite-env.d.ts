/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_ABLY_ENDPOINT?: string;
  readonly VITE_API?: string;
  readonly VITE_SESSION?: string;
}
