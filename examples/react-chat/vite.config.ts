import react from '@vitejs/plugin-react';
import license from 'rollup-plugin-license';
import { defineConfig, loadEnv } from 'vite';

export default defineConfig(({ mode }) => {
  const agent = loadEnv(mode, '.', '').AGENT_URL ?? 'http://127.0.0.1:8000';
  return {
    base: './',
    plugins: [react()],
    server: { host: '127.0.0.1', proxy: { '/api': agent } },
    build: {
      rollupOptions: {
        input: { chat: 'index.html', demo: 'demo.html' },
        // Whoever passes the bundle on passes on other people's code; their licences go with it.
        plugins: [license({ thirdParty: { output: { file: 'dist/THIRD-PARTY-LICENSES.txt' } } })],
      },
      chunkSizeWarningLimit: 1000,
    },
  };
});
