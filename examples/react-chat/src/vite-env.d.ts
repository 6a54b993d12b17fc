/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_ABLY_ENDPOINT?: string;
  readonly VITE_API_URL?: string;
  readonly VITE_AUTH_URL?: string;
  readonly VITE_SESSION_NAME?: string;
}
