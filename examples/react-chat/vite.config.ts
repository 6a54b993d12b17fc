import react from '@vitejs/plugin-react';
import license from 'rollup-plugin-license';
import { defineConfig, loadEnv } from 'vite';

export default defineConfig(({ mode }) => {
  // The page that ai-transport-codecs brings along is built without anybody's .env.
  const isPackage = mode === 'package';
  const outDir = isPackage ? '../../ai_transport_codecs/cli/web/page' : 'dist';
  const agent = loadEnv(mode, '.', '').AGENT_URL ?? 'http://127.0.0.1:8000';
  return {
    base: './',
    envDir: isPackage ? false : '.',
    plugins: [react()],
    server: { host: '127.0.0.1', proxy: { '/api': agent, '/config.json': agent } },
    build: {
      outDir,
      emptyOutDir: true,
      chunkSizeWarningLimit: 1000,
      rollupOptions: {
        input: { chat: 'index.html', demo: 'demo.html' },
        // Whoever passes the bundle on passes on other people's code, and their licences with it.
        plugins: [license({ thirdParty: { output: { file: `${outDir}/THIRD-PARTY-LICENSES.txt` } } })],
      },
    },
  };
});
